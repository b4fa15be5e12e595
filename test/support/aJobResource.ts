import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { Access, Caller } from '../../controller/query/access.js';
import type { JobResource } from '../../controller/query/jobs.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';

/** A FineTuneJob as the status service is told of it. */
export const aJobResource = (
  name: string,
  {
    namespace = 'team',
    status,
    uid = `uid-${name}`,
  }: { namespace?: string; status?: FineTuneJobStatus; uid?: string } = {},
): JobResource => ({ namespace, name, uid, generation: 1, createdMs: 1_700_000_000_000, status });

/** What a worker tells after a committed step. */
export const aStep = (step: number, loss = 4 - step / 10): WorkerEvent =>
  ({
    sequence: step + 1,
    timeMs: 1_700_000_001_000 + step * 1000,
    step: {
      step,
      steps: 40,
      loss,
      learningRate: 0.0002,
      gradientNorm: 1.5,
      tokensPerSecond: 250,
      stepMs: 1000,
      leavesComputed: 2,
      computeMs: 700,
      waitMs: 300,
      peakRssBytes: 1e9,
      members: 2,
    },
    body: 'step',
  }) as unknown as WorkerEvent;

/** Who knows the token `NAME-token` as NAME, who may see the namespaces listed under it (`*` = all). */
export const accessOf = (rights: Readonly<Record<string, readonly string[]>>): Access => ({
  identify: async (token) => {
    const user = token.replace(/-token$/, '');
    return user in rights ? callerOf(user) : undefined;
  },
  allowed: async ({ user }, _verb, namespace) =>
    rights[user]!.includes('*') || (namespace !== '' && rights[user]!.includes(namespace)),
});

export const callerOf = (user: string): Caller => ({ user, uid: '', groups: [], extra: {} });
