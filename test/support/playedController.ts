import { fail } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { memoryAuthorityStore, openAuthority } from '../../controller/query/authority.js';
import type { PodAttestor } from '../../controller/query/identityService.js';
import { JobIndex } from '../../controller/query/jobIndex.js';
import { accessOf } from './aJobResource.js';
import { aStatusServer, type RunningStatus } from './aStatusServer.js';

export interface PlayedController extends AsyncDisposable {
  /** The same after each start. */
  readonly address: string;
  readonly authority: RunningStatus['authority'];
  /** Tokens that got a certificate. */
  readonly issued: readonly string[];
  readonly refused: number;
  refuse(token: string, how: 'CallerUnknown' | 'CertificateRefused'): void;
  stop(): Promise<void>;
  start(): Promise<void>;
  rotate(): Promise<void>;
}

/** The real Identity service over real TLS; a token `JOB/POD` or `JOB/POD/more` says which pod it is. */
export async function aController(): Promise<PlayedController> {
  const store = memoryAuthorityStore();
  const never = new AbortController().signal;
  let authority = await openAuthority(store, systemClock, never);
  const issued: string[] = [];
  const refusals = new Map<string, 'CallerUnknown' | 'CertificateRefused'>();
  let refused = 0;
  const attestor: PodAttestor = {
    async attest(token) {
      const refusal = refusals.get(token);
      if (refusal) refused++;
      if (refusal === 'CallerUnknown') fail('CallerUnknown', { why: 'the token has expired' });
      if (refusal === 'CertificateRefused') fail('CertificateRefused', { pod: token, why: 'that pod is gone' });
      const [job = '', podUid = ''] = token.split('/');
      issued.push(token);
      return { namespace: 'team', job, jobUid: `uid-of-${job}`, podUid, name: podUid };
    },
  };
  let listen = 'localhost:0';
  const open = () => aStatusServer(new JobIndex('e1'), accessOf({}), { attestor, listen, authority });
  let running: RunningStatus | undefined = await open();
  listen = running.server.address;
  const stop = async () => {
    await running?.[Symbol.asyncDispose]();
    running = undefined;
  };
  return {
    address: listen,
    get authority() {
      return authority;
    },
    issued,
    get refused() {
      return refused;
    },
    refuse: (token, how) => refusals.set(token, how),
    stop,
    async start() {
      running = await open();
    },
    async rotate() {
      store.wantRotation();
      authority = await openAuthority(store, systemClock, never);
    },
    [Symbol.asyncDispose]: stop,
  };
}
