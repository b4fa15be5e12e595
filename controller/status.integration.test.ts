import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../common/log.js';
import { memoryTransport } from '../proto/memory.js';
import { type Handlers, type Listening, service } from '../proto/transport.js';
import { run } from '../test/cluster/command.js';
import { pathsFor } from '../test/cluster/paths.js';
import { ensureClients } from '../test/cluster/tools.js';
import { masterKey, Scene } from '../test/support/aController.js';
import { aStep } from '../test/support/aJobResource.js';
import { plane } from '../test/support/sharedPlane.js';
import type { FineTuneJobObject, V1Pod } from './cluster/kube/objects.js';
import { resources } from './cluster/kube/resources.js';
import { feedIndex } from './feedIndex.js';
import { JobIndex } from './query/jobIndex.js';
import { tokenOf } from './resources/access.js';

// A real API server and kubectl; the test plays scheduler, kubelet and one worker that speaks the real protocol.

const clients = await ensureClients(pathsFor(process.env).tools, () => {});
const kubectl = (...args: readonly string[]) => run(clients.kubectl, ['--kubeconfig', plane.kubeconfigPath, ...args]);

/** A worker as the controller meets it: takes views, tells what it is told to tell. */
class PlayedWorker {
  readonly #told: object[] = [];
  #wake = () => {};
  readonly handlers: Handlers<'Worker'> = {
    setView: async ({ view }) => ({ number: view?.number ?? 0 }),
    watchEvents: ({ afterSequence }, { signal }) => this.#after(afterSequence, signal),
    stop: async () => ({}),
  };

  tell(...events: readonly object[]): void {
    for (const event of events) this.#told.push({ timeMs: Date.now(), ...event, sequence: this.#told.length + 1 });
    this.#wake();
  }

  async *#after(sequence: number, signal: AbortSignal) {
    for (let next = sequence; !signal.aborted; ) {
      if (next < this.#told.length) yield this.#told[next++]!;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
    }
  }
}

const stepOf = (step: number) => ({ ...aStep(step), timeMs: Date.now() });

interface Played {
  readonly scene: Scene;
  readonly index: JobIndex;
  readonly worker: PlayedWorker;
  readonly pod: V1Pod;
  readonly listening: Listening;
}

/** One job with one worker pod that has formed the view. */
async function training(name: string, scene: Scene, index: JobIndex, transport = memoryTransport()): Promise<Played> {
  await scene.stopController();
  scene.startController({ transport, ...feedIndex(index) });
  const job = await scene.apply(name, { spec: { workers: { replicas: 1, resources: { limits: { cpu: '2' } } } } });
  assert.ok(job !== 'exists');
  await scene.passPreflight(name);
  const [pod] = await scene.workers(0, 1);
  const worker = new PlayedWorker();
  const owner = { namespace: scene.namespace, name, uid: job.metadata?.uid ?? '' };
  const options = { address: '127.0.0.1:7600', token: tokenOf(masterKey, owner), log: silentLogger };
  const listening = await transport.listen([service('Worker', worker.handlers)], options);
  await scene.bind(pod!, 'node-a');
  await scene.runs(pod!);
  return { scene, index, worker, pod: pod!, listening };
}

const statusOf = async (scene: Scene, name: string) =>
  (await scene.get<FineTuneJobObject>(resources.fineTuneJobs, name))?.status;

test('kubectl describe reads in the order in which people ask; columns, events and the gRPC status say the same', async () => {
  await using scene = await Scene.open(plane, AbortSignal.timeout(240_000));
  const index = new JobIndex('e1');
  const { worker, pod, listening } = await training('read', scene, index);
  const key = { namespace: scene.namespace, name: 'read' };
  worker.tell(stepOf(0), stepOf(1), { evaluation: { step: 1, loss: 3.5, generalLoss: 0 } }, stepOf(2));
  for (const step of [1, 2, 3, 4]) worker.tell({ checkpoint: { step, url: 's3://models/out/checkpoints' } });
  const before = await scene.until('progress is in the status', async () => {
    const found = await statusOf(scene, 'read');
    return found?.progress?.step === 3 && found.cost?.estimate !== undefined ? found : undefined;
  });
  await scene.until('the status service knows the worker', async () => index.get(key)?.workers?.[0]?.joined);
  const told = index.get(key)!;
  assert.deepEqual(
    [told.workers?.[0]?.id, told.workers?.[0]?.node, told.workers?.[0]?.step, told.progress?.step, told.best?.step],
    [pod.metadata?.name, 'node-a', 2, 3, 1],
  );
  assert.deepEqual([told.data?.used, told.resolved?.stepsPerEpoch], [64, 2]);

  // Steps go on, conditions do not move.
  worker.tell(stepOf(3));
  await scene.until('a step more is heard', async () => index.get(key)?.progress?.step === 4);
  assert.deepEqual((await statusOf(scene, 'read'))?.conditions, before.conditions);

  const described = await kubectl('--namespace', scene.namespace, 'describe', 'finetunejob', 'read');
  const about = described.slice(described.indexOf('\nStatus:'));
  const order = ['State: Training', 'Progress: step', 'Last checkpoint: step', 'Workers: 1/1', 'Worker read-0-0', 'Data: 64 of 66', 'Left out: 2 rows', 'Settings: lora.rank=4', 'Cost: ', 'Conditions:', 'Events:']; // biome-ignore format: one thought
  const places = order.map((words) => about.indexOf(words));
  assert.deepEqual(places, [...places].sort((a, b) => a - b), `${about}\n${places}`); // biome-ignore format: one thought
  assert.ok(places.every((place) => place > 0), `${about}\n${places}`); // biome-ignore format: one thought

  const [heads = '', row = ''] = (
    await kubectl('--namespace', scene.namespace, 'get', 'ftj', 'read', '--output', 'wide')
  ).split('\n');
  assert.deepEqual(heads.trim().split(/\s{2,}/), 'NAME STATE PROGRESS LOSS EVAL ETA WORKERS AGE MODEL METHOD QUEUE RESTARTS TOK/S BEST COST REASON'.split(' ')); // biome-ignore format: one thought
  assert.match(
    row,
    /^read +Training +3\/40 +3\.800 +3\.500 .* 1\/1 .* owner\/base +lora r4 .* 3\.500@1 +\d+\.\d\d CPU-h/,
  );

  // Four checkpoints are one Event with a count; every transition has its own.
  const events = (await scene.all(resources.events)).filter(
    ({ involvedObject }) => involvedObject.kind === 'FineTuneJob',
  );
  const reasons = events.map(({ reason }) => reason);
  for (const reason of ['PreflightStarted', 'ModelDownloadComplete', 'DataDownloadComplete', 'PreflightPassed', 'TrainingStarted', 'CheckpointSaved', 'EvalComplete', 'EpochComplete']) // biome-ignore format: one thought
    assert.equal(reasons.filter((found) => found === reason).length, 1, `${reason} in ${reasons}`);
  const saved = told.events?.find(({ reason }) => reason === 'CheckpointSaved');
  assert.deepEqual([saved?.count, saved?.message], [4, 'step 4 in s3://models/out/checkpoints']);
  const size = Buffer.byteLength(JSON.stringify(await statusOf(scene, 'read')));
  assert.ok(size < 32 * 1024, `${size} bytes`);

  // The next controller knows what was told, and does not tell it again.
  await scene.stopController();
  const again = new JobIndex('e2');
  scene.startController({ transport: memoryTransport(), ...feedIndex(again) });
  await scene.until('the next controller knows the events', async () =>
    again.get(key)?.events?.some(({ reason }) => reason === 'CheckpointSaved'),
  );
  await listening.close();
});
