import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FineTuneJobStatus } from '../../../api/sections/status.js';
import {
  agoText,
  aPreflightPod,
  aRecipe,
  aWorkerJob,
  aWorkerPod,
  aWorld,
  type WorldOptions,
} from '../../../test/support/aWorld.js';
import { type Decision, decide } from '../decide.js';
import { policies } from './index.js';

const decided = (options: WorldOptions): Decision => decide(policies, aWorld(options));
const finished = {
  type: 'Finished',
  status: 'True',
  reason: 'x',
  message: '',
  lastTransitionTime: agoText(60),
} as const;
const ended: FineTuneJobStatus = { state: 'Failed', conditions: [finished], completionTime: agoText(60) };
const refusal = { outcome: 'failed', name: 'DataMissing', code: 'ESP-3001', message: 'no file', remedy: 'make it' };

/** Short form of a decision: what tells it from others. */
function told(options: WorldOptions): string {
  const decision = decided(options);
  if ('reason' in decision) return `${decision.kind} ${decision.reason}`;
  if (decision.kind === 'prepare') return `prepare ${decision.tries} after ${decision.afterMs / 1000} s`;
  if (decision.kind === 'retry') return `retry ${decision.attempt} after ${decision.afterMs / 1000} s`;
  if (decision.kind === 'train') return `train ${decision.attempt}`;
  if (decision.kind === 'scale') return `scale ${decision.from} to ${decision.to}`;
  return decision.kind;
}

function table(name: string, rows: Readonly<Record<string, readonly [WorldOptions, string]>>): void {
  for (const [row, [options, expected]] of Object.entries(rows))
    test(`${name}: ${row}`, () => assert.equal(told(options), expected));
}

const published = aWorkerPod({ exitCode: 0, message: { outcome: 'published', url: 'u', adapterSha256: 's' } });
const deaths = (count: number, options = {}) =>
  Array.from({ length: count }, (_, i) => aWorkerPod({ index: i, exitCode: 137, endedSecondsAgo: 20 + i, ...options }));
const ofOneIndex = (count: number) => deaths(count, { index: 0 });
const running = [0, 1, 2].map((index) => aWorkerPod({ index, ready: true }));
const jobs = [aWorkerJob(0)];

table('remove', {
  'who deletes has the last word': [{ metadata: { deletionTimestamp: agoText(1) }, pods: [published] }, 'leave'],
});

table('ttl', {
  'a finished job rests': [{ status: ended, jobs }, 'rest'],
  'its time has not come': [{ status: ended, spec: { ttlSecondsAfterFinished: 61 } }, 'rest'],
  'its time has come': [{ status: ended, spec: { ttlSecondsAfterFinished: 60 } }, 'remove'],
  'a finished job that is invalid by now rests too': [{ status: ended, spec: { method: {} } }, 'rest'],
});

table('refuse', {
  'rules that the API server cannot check': [{ spec: { method: {} } }, 'fail JobInvalid'],
  'a folder of the pod': [{ spec: { output: { destination: '/out' } } }, 'fail DestinationNotShared'],
  'a folder of a claim': [
    {
      spec: {
        output: { destination: '/data/out' },
        workers: { volumes: [{ name: 'd', claimName: 'd', mountPath: '/data' }] },
      },
    },
    'train 0',
  ],
  'a folder of a claim that nobody may write': [
    {
      spec: {
        output: { destination: '/data/out' },
        workers: { volumes: [{ name: 'd', claimName: 'd', mountPath: '/data', readOnly: true }] },
      },
    },
    'fail DestinationNotShared',
  ],
});

table('success', {
  'a worker has ended with 0': [{ jobs, pods: [published] }, 'complete'],
  'a worker has told so': [{ jobs, live: { published: { url: 'u', adapterSha256: 's' } } }, 'complete'],
  'it outweighs every death': [{ jobs, pods: [...deaths(9), published] }, 'complete'],
  'a Job that says Complete proves nothing': [
    { jobs: [aWorkerJob(0, { status: { conditions: [{ type: 'Complete', status: 'True' }] } })] },
    'retry 1 after 0 s',
  ],
});

table('failure', {
  'four deaths are borne': [{ jobs, pods: [...ofOneIndex(4), ...running] }, 'train 0'],
  'the fifth is the end': [{ jobs, pods: ofOneIndex(5) }, 'fail WorkersCrashing'],
  'a blow that takes many workers is borne': [{ jobs, pods: deaths(9) }, 'train 0'],
  'and the next one': [{ jobs, pods: [...deaths(9), ...deaths(9, { endedSecondsAgo: 10 })] }, 'train 0'],
  'the third is the end': [
    { jobs, pods: [...deaths(3, { endedSecondsAgo: 30 }), ...deaths(3), ...deaths(3, { endedSecondsAgo: 10 })] },
    'fail WorkersCrashing',
  ],
  'a step between them counts from anew': [
    { jobs, pods: [...ofOneIndex(5), ...running], live: { committedAtMs: Date.parse(agoText(22)) } },
    'train 0',
  ],
  'after a restart the status knows the step': [
    { jobs, pods: [...ofOneIndex(5), ...running], status: { progress: { step: 3, time: agoText(10) } } },
    'train 0',
  ],
  'leaving, evictions and deletions are no deaths': [
    {
      jobs,
      pods: [
        ...deaths(4, { exitCode: 75 }),
        ...deaths(4, { status: { conditions: [{ type: 'DisruptionTarget', status: 'True' }] } }),
        ...deaths(4, { metadata: { deletionTimestamp: agoText(5) } }),
        ...running,
      ],
    },
    'train 0',
  ],
  'a verdict that no retry changes': [
    { jobs, pods: [aWorkerPod({ exitCode: 3, message: { ...refusal, retry: false } })] },
    'fail DataMissing',
  ],
  'bad input without a verdict': [{ jobs, pods: [aWorkerPod({ exitCode: 2 })] }, 'fail WorkerRefused'],
});

table('suspend', {
  'before anything was made': [{ spec: { suspend: true }, recipe: null }, 'suspend'],
  'in mid-run': [{ spec: { suspend: true }, jobs, pods: running }, 'suspend'],
});

table('deadline', {
  'running time is below it': [
    {
      jobs,
      pods: running,
      spec: { activeDeadlineSeconds: 101 },
      status: { runningSeconds: 40, runningSince: agoText(60) },
    },
    'train 0',
  ],
  'running time has reached it': [
    { jobs, spec: { activeDeadlineSeconds: 100 }, status: { runningSeconds: 40, runningSince: agoText(60) } },
    'fail DeadlineExceeded',
  ],
  'a pause is not counted': [
    { jobs, pods: running, spec: { activeDeadlineSeconds: 100 }, status: { runningSeconds: 99 } },
    'train 0',
  ],
});

const ready = { outcome: 'ready', recipe: aRecipe };
table('preflight', {
  'it has not begun': [{ recipe: null }, 'prepare 0 after 0 s'],
  'it runs': [{ recipe: null, pods: [aPreflightPod(0)] }, 'prepare 0 after 0 s'],
  'it has passed': [{ recipe: null, pods: [aPreflightPod(0, { exitCode: 0, message: ready })] }, 'prepare 0 after 0 s'],
  'it refuses': [
    { recipe: null, pods: [aPreflightPod(0, { exitCode: 2, message: { ...refusal, retry: false } })] },
    'fail DataMissing',
  ],
  'something outside is out of order': [
    {
      recipe: null,
      pods: [aPreflightPod(1, { exitCode: 3, endedSecondsAgo: 5, message: { ...refusal, retry: true } })],
    },
    'prepare 2 after 15 s',
  ],
  'it stays out of order': [
    { recipe: null, pods: [aPreflightPod(4, { exitCode: 3, message: { ...refusal, retry: true } })] },
    'fail DataMissing',
  ],
  'it crashes': [
    { recipe: null, pods: [aPreflightPod(0, { exitCode: 137, endedSecondsAgo: 30 })] },
    'prepare 1 after 0 s',
  ],
  'it crashes again and again': [
    { recipe: null, pods: [aPreflightPod(4, { exitCode: 137 })] },
    'fail PreflightCrashed',
  ],
  'it was evicted for good': [
    { recipe: null, pods: [aPreflightPod(0, { metadata: { deletionTimestamp: agoText(1) } })] },
    'prepare 1 after 0 s',
  ],
  'the data have changed since': [
    {
      recipe: null,
      status: { recipeHash: 'ef'.repeat(32) },
      pods: [aPreflightPod(0, { exitCode: 0, message: ready })],
    },
    'fail RecipeChanged',
  ],
  'it is switched off for a measurement': [{ recipe: null, settings: { preflight: 'off' } }, 'train 0'],
});

const allInBackOff = (times: number, endedSecondsAgo: number) =>
  [0, 1, 2].flatMap((index) =>
    Array.from({ length: times }, (_, i) =>
      aWorkerPod({ index, exitCode: 75, endedSecondsAgo: endedSecondsAgo + i * 100 }),
    ),
  );
table('attempts', {
  'the first': [{}, 'train 0'],
  'its Job is there': [{ jobs, pods: running }, 'train 0'],
  'its Job is gone': [{ status: { attempt: 0 } }, 'retry 1 after 0 s'],
  'its Job goes': [{ jobs: [aWorkerJob(2, { metadata: { deletionTimestamp: agoText(1) } })] }, 'retry 3 after 0 s'],
  'its Job failed': [
    { jobs: [aWorkerJob(0, { status: { conditions: [{ type: 'Failed', status: 'True' }] } })] },
    'retry 1 after 0 s',
  ],
  'its Job failed after a death: not at once': [
    {
      jobs: [aWorkerJob(0, { status: { conditions: [{ type: 'Failed', status: 'True' }] } })],
      pods: [aWorkerPod({ exitCode: 137, endedSecondsAgo: 4 })],
    },
    'retry 1 after 6 s',
  ],
  'every index is in a long back-off': [{ jobs, pods: allInBackOff(6, 5) }, 'retry 1 after 0 s'],
  'every index is in a short back-off': [{ jobs, pods: allInBackOff(1, 5) }, 'train 0'],
  'one index is in back-off': [{ jobs, pods: [...allInBackOff(6, 5).slice(0, 6), ...running] }, 'train 0'],
  'another controller manages the Job': [
    { jobs: [aWorkerJob(0, { spec: { managedBy: 'kueue.x-k8s.io/multikueue' } })] },
    'stall ManagedByOther',
  ],
});

table('scale', {
  'more workers': [{ jobs, spec: { workers: { replicas: 5 } } }, 'scale 3 to 5'],
  'fewer workers': [{ jobs, spec: { workers: { replicas: 1 } } }, 'scale 3 to 1'],
  'a queue that holds the Job has chosen': [
    {
      jobs: [aWorkerJob(0, { spec: { suspend: true } })],
      spec: { workers: { replicas: 5 } },
      metadata: { labels: { 'kueue.x-k8s.io/queue-name': 'q' } },
    },
    'train 0',
  ],
});

test('each policy has its place in the list, and the last one has an opinion on everything', () => {
  assert.equal(policies.length, 11);
  assert.deepEqual(policies.at(-1)!(aWorld()), { kind: 'train', attempt: 0 });
});
