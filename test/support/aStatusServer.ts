import { X509Certificate } from 'node:crypto';
import { controllerUri } from '../../api/podIdentity.js';
import { silentLogger } from '../../common/log.js';
import type { Access } from '../../controller/query/access.js';
import type { CertificateAuthority } from '../../controller/query/authority.js';
import type { PodAttestor } from '../../controller/query/identityService.js';
import type { Jobs } from '../../controller/query/jobs.js';
import { type StatusServer, statusServer } from '../../controller/query/server.js';
import { connect } from '../../proto/call.js';
import { loadProtos } from '../../proto/load.js';
import { fixedCertificates } from '../../proto/tls.js';
import type { Connection } from '../../proto/transport.js';
import { anAuthority } from './certificates.js';

export interface RunningStatus extends AsyncDisposable {
  readonly server: StatusServer;
  readonly authority: CertificateAuthority;
  /** Over TLS, as a person with this token. */
  readonly as: (token: string) => Connection;
}

/** The status service as the controller runs it: real gRPC, TLS by a fresh authority, on localhost. */
export async function aStatusServer(
  jobs: Jobs,
  access: Access,
  {
    attestor,
    listen = 'localhost:0',
    authority: given,
  }: { attestor?: PodAttestor; listen?: string; authority?: CertificateAuthority } = {},
): Promise<RunningStatus> {
  const protos = loadProtos();
  const authority = given ?? (await anAuthority());
  const own = await authority.issueServer({ uri: controllerUri, dns: ['localhost'] });
  const server = await statusServer({
    protos,
    jobs,
    access,
    address: listen,
    log: silentLogger,
    tls: {
      certificates: fixedCertificates({
        own: { certificate: Buffer.from(own.certificate), key: Buffer.from(own.key) },
      }),
    },
    ...(attestor && { identity: { attestor, authority, tokenOf: ({ jobUid }) => aJobToken(jobUid) } }),
  });
  const connections: Connection[] = [];
  return {
    server,
    authority,
    as: (token) => {
      const tls = { certificates: fixedCertificates({ authority: Buffer.from(authority.trusted) }) };
      const connection = connect(protos, server.address, { token, tls });
      connections.push(connection);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      await server.close();
    },
  };
}

/** What pods of this job get with their certificate. */
export const aJobToken = (jobUid: string): string => `the token of the job ${jobUid}`;

/** The names in a certificate, and until when it holds. */
export function namesOf(pem: string): { readonly names: string; readonly validTo: number } {
  const certificate = new X509Certificate(pem);
  return { names: certificate.subjectAltName ?? '', validTo: Date.parse(certificate.validTo) };
}
