import { EspalierError } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import type { JobMessage } from '../../controller/query/jobs.js';
import { connect } from '../../proto/call.js';
import { loadProtos } from '../../proto/load.js';
import { fixedCertificates } from '../../proto/tls.js';
import type { JobSource, SourceChange } from './jobSource.js';

export interface GrpcSourceOptions {
  readonly address: string;
  readonly token: string;
  /** PEM; what Node trusts when absent. */
  readonly authority: string | undefined;
}

const answerWithinMs = 30_000;
const retryAfterMs = 1000;

/** The controller's gRPC status. A watch that breaks goes on from its last token, or anew where that is not known any more. */
export function grpcSource(
  { address, token, authority }: GrpcSourceOptions,
  { signal, clock }: { readonly signal: AbortSignal; readonly clock: Clock },
): JobSource {
  const certificates = fixedCertificates(authority === undefined ? {} : { authority: Buffer.from(authority) });
  const connection = connect(loadProtos(), address, { token, tls: { certificates } });
  const query = connection.client('Query');
  const options = { signal, timeoutMs: answerWithinMs };
  return {
    namespace: undefined,
    get: async (key) => (await query.getJob({ ...key }, options)) as unknown as JobMessage,
    async list({ namespace = '', states = [] }) {
      const jobs: JobMessage[] = [];
      for (let pageToken = ''; ; ) {
        const page = await query.listJobs({ namespace, states: [...states], pageToken, pageSize: 500 }, options);
        jobs.push(...(page.jobs as unknown as JobMessage[]));
        pageToken = page.nextPageToken;
        if (pageToken === '') return jobs;
      }
    },
    async *changes({ namespace = '', name = '' }, until) {
      let resumeToken = '';
      for (;;) {
        try {
          for await (const change of query.watchJobs({ namespace, name, resumeToken }, { signal: until })) {
            resumeToken = change.resumeToken;
            yield { kind: change.kind, job: change.job ?? undefined } as unknown as SourceChange;
          }
        } catch (error) {
          if (EspalierError.is(error, 'ResumeTokenInvalid')) resumeToken = '';
          // Before the first answer a wrong address is told; later the connection broke and is made again.
          else if (!EspalierError.is(error, 'PeerUnreachable') || resumeToken === '') throw error;
          await clock.sleep(retryAfterMs, until);
        }
        until.throwIfAborted();
      }
    },
    [Symbol.asyncDispose]: async () => connection.close(),
  };
}
