import { z } from 'zod';
import { fail } from '../../api/errors.js';
import type { JobKey, JobMessage } from '../../controller/query/jobs.js';
import type { JobSource } from '../cluster/jobSource.js';
import { finishedStates, hopelessStates, stateEvent } from '../cluster/present.js';
import { namespaceOf, openSource, sourceArguments } from '../cluster/source.js';
import { defineCommand, flag, positional } from '../command.js';
import type { Deps } from '../deps.js';
import type { CliEvent } from '../events.js';

const goals = ['complete', 'finished', 'training', 'suspended', 'paused'] as const;

export const wait = defineCommand({
  name: 'wait',
  summary: 'wait until a job is complete (exit 0) or has failed (exit 3)',
  args: z.strictObject({
    name: positional(z.string().min(1), 'NAME', 'the FineTuneJob'),
    for: flag(z.enum(goals).default('complete'), 'STATE', 'what to wait for; finished = complete or failed'),
    timeout: flag(z.coerce.number().int().min(1).optional(), 'SECONDS', 'give up after this long'),
    ...sourceArguments,
  }),
  async *run({ name, for: goal, timeout, ...flags }, deps) {
    await using source = await openSource('wait', flags, deps);
    const key = { namespace: namespaceOf('wait', flags, source), name };
    const job = yield* waited(source, key, goal, timeout, deps);
    const told = { namespace: job.namespace, name: job.name, state: job.state, artifacts: job.artifacts ?? [] };
    const lines = [`${name} is ${job.state}`, ...(job.artifacts ?? []).map(({ url }) => `artifact ${url}`)];
    yield { event: 'result', fields: told, lines };
  },
});

/** Tells each new state on the way. */
async function* waited(
  source: JobSource,
  key: JobKey,
  goal: (typeof goals)[number],
  timeoutSeconds: number | undefined,
  { signal, clock }: Deps,
): AsyncGenerator<CliEvent, JobMessage> {
  const late = new AbortController();
  const done = new AbortController();
  if (timeoutSeconds !== undefined)
    clock.sleep(timeoutSeconds * 1000, done.signal).then(
      () => late.abort(),
      () => {},
    );
  let last: JobMessage | undefined;
  try {
    for await (const change of source.changes(key, AbortSignal.any([signal, late.signal]))) {
      if (change.kind === 'SYNCED') {
        if (!last) fail('JobUnknown', { ...key });
        continue;
      }
      if (change.kind === 'REMOVED') fail('JobUnknown', { ...key });
      const before = last?.state;
      last = change.job;
      if (last.state !== before) yield stateEvent(change.kind, last);
      if (reached(last, goal)) return last;
    }
  } catch (error) {
    if (!late.signal.aborted || signal.aborted) throw error;
  } finally {
    done.abort();
  }
  return fail('WaitEnded', {
    name: key.name,
    wanted: goal,
    state: last?.state ?? 'unknown',
    seconds: timeoutSeconds ?? 0,
  });
}

/** Throws `JobEndedBadly` when it never will be. */
function reached(job: JobMessage, goal: (typeof goals)[number]): boolean {
  if (job.state.toLowerCase() === goal) return true;
  const finished = finishedStates.includes(job.state);
  if (goal === 'finished' && finished) return true;
  if (finished || hopelessStates.includes(job.state)) {
    const { name, state, reason = '', message = '' } = job;
    fail('JobEndedBadly', { name, state, reason, message });
  }
  return false;
}
