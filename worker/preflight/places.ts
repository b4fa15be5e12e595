import { fail } from '../../api/errors.js';
import type { FineTuneJobSpec } from '../../api/fineTuneJob.js';
import type { Clock } from '../../common/clock.js';
import type { Connection } from '../store/connection.js';
import { openStore, parseS3Url } from '../store/open.js';
import type { Store } from '../store/store.js';

/** The keys of a connection's Secret, or undefined to use the environment and the AWS files of this machine. */
export type SecretOf = (name: string) => Readonly<Record<string, string>> | undefined;

export interface PlacesOptions {
  readonly connections: FineTuneJobSpec['connections'];
  readonly secretOf: SecretOf;
  /** Used for every connection instead of its own; a local run's `--endpoint`. */
  readonly endpoint?: string | undefined;
  readonly workingFolder: string;
  readonly clock: Clock;
}

/** The stores and files that a job names, each reached with the credentials of its connection. */
export interface Places {
  store(url: string, connection: string | undefined): Promise<Store>;
  /** One object's bytes. */
  object(url: string, connection: string | undefined, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  connection(name: string | undefined): Connection;
}

/** Servers that are not AWS take any region, but requests are signed for one. */
const anyRegion = 'us-east-1';

export function createPlaces({ connections, secretOf, endpoint, workingFolder, clock }: PlacesOptions): Places {
  const connection = (name: string | undefined): Connection => {
    if (name === undefined) return endpoint === undefined ? {} : { endpoint, region: anyRegion };
    const found =
      connections.find((candidate) => candidate.name === name) ??
      fail('ConnectionUnknown', { name, known: connections.map((candidate) => candidate.name) });
    const secret = found.secretRef ? secretOf(found.secretRef.name) : undefined;
    return {
      endpoint: endpoint ?? found.endpoint,
      region: found.region ?? ((endpoint ?? found.endpoint) ? anyRegion : undefined),
      ...(secret?.AWS_ACCESS_KEY_ID && {
        credentials: {
          accessKeyId: secret.AWS_ACCESS_KEY_ID,
          secretAccessKey: secret.AWS_SECRET_ACCESS_KEY ?? '',
          sessionToken: secret.AWS_SESSION_TOKEN,
        },
      }),
    };
  };
  const store = (url: string, name: string | undefined) => openStore(url, connection(name), { clock, workingFolder });
  return {
    connection,
    store,
    async object(url, name, signal) {
      const { bucket, key } = parseS3Url(url);
      return (await store(`s3://${bucket}`, name)).read(key, { signal });
    },
  };
}
