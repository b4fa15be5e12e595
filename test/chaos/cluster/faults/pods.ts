import { setTimeout as later } from 'node:timers/promises';
import { shuffled } from '../../chance.js';
import type { LiveWorker } from '../runningJob.js';
import { machineRoom, type Scene } from '../scene.js';

const podPath = ({ namespace }: Scene, { name }: LiveWorker) => `/api/v1/namespaces/${namespace}/pods/${name}`;

/** So many workers that may be lost, while somebody who has the state is left. */
export async function victims({ job, random }: Scene, count: number): Promise<readonly LiveWorker[] | undefined> {
  await job.look();
  const order = shuffled(job.live, random);
  const survivor = order.findLast(({ isAbreast }) => isAbreast);
  const chosen = order.filter((worker) => worker !== survivor && job.mayLose(worker)).slice(0, count);
  return survivor !== undefined && chosen.length === count ? chosen : undefined;
}

/** Everybody, once all are there and have the state, if each may be lost. */
export async function wholeCrew({ job }: Scene): Promise<readonly LiveWorker[] | undefined> {
  await job.until(() => job.isAbreast(job.workers), 180_000);
  await job.look();
  const all = job.live;
  return job.isAbreast(job.workers) && all.every((worker) => job.mayLose(worker)) ? all : undefined;
}

/** `at once`: with no grace period; the object goes, and a kubelet gives the process a second or two. */
export async function deletePod(scene: Scene, worker: LiveWorker, how?: 'at once'): Promise<void> {
  const body = how ? { gracePeriodSeconds: 0 } : {};
  const { status, text } = await scene.api.send('DELETE', podPath(scene, worker), body);
  if (status >= 300 && status !== 404) throw new Error(`${worker.name} is not deleted: ${status} ${text}`);
}

const againMs = 300;
const mostRefusals = 400;

/** As `kubectl drain` does: asked again while the disruption budget says no. @returns how often it said no. */
export async function evictPod(scene: Scene, worker: LiveWorker): Promise<number> {
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: worker.name, namespace: scene.namespace },
  };
  for (let refused = 0; refused < mostRefusals; refused++) {
    const { status, text } = await scene.api.send('POST', `${podPath(scene, worker)}/eviction`, eviction);
    if (status < 300 || status === 404) return refused;
    if (status !== 429) throw new Error(`${worker.name} is not evicted: ${status} ${text}`);
    await later(againMs);
  }
  throw new Error(`${worker.name} is not evicted: the disruption budget has said no ${mostRefusals} times`);
}

/** Its process dies in the kernel; the pod stays, failed. */
export async function killPod(scene: Scene, { uid, node }: LiveWorker): Promise<void> {
  const ctr = (...args: readonly string[]) => machineRoom(scene).runInNode(node, ['ctr', '-n', 'k8s.io', ...args]);
  const filter = `labels."io.kubernetes.pod.uid"=="${uid}",labels."io.kubernetes.container.name"=="espalier"`;
  const container = (await ctr('containers', 'ls', '-q', filter)).trim();
  await ctr('tasks', 'kill', '--signal', 'SIGKILL', container);
}

/** Told from inside to leave: the process ends early, the pod stays, failed, and no death is counted. */
export async function endPod({ cluster, namespace }: Scene, { name }: LiveWorker): Promise<void> {
  await cluster.kubectl(['-n', namespace, 'exec', name, '--', 'node', '-e', 'process.kill(1)']);
}
