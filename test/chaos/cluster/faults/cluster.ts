import { setTimeout as later } from 'node:timers/promises';
import type { OwnCluster } from '../../../cluster/cluster.js';
import type { ControlPlanePart } from '../../../cluster/controlPlane.js';
import { release, system } from '../../../cluster/e2e/site.js';
import { between, pick } from '../../chance.js';
import { type ClusterCase, machineRoom, type Scene } from '../scene.js';
import { deletePod, evictPod, killPod, victims } from './pods.js';

export const node = {
  'drained and brought back': { needs: 'twoNodes', weight: 2, losses: 3, inflict: drain },
  // It would be taken for lost after 40 s.
  'cut off': {
    needs: 'machineRoom',
    lasting: true,
    inflict: (scene) =>
      onOneNode(scene, 'was cut off', [2000, 12_000], (own, name) => ({
        stop: () => own.setLink(name, 'down'),
        start: () => own.setLink(name, 'up'),
      })),
  },
  'without its kubelet': {
    needs: 'machineRoom',
    inflict: (scene) =>
      onOneNode(scene, 'had no kubelet', [3000, 20_000], (own, name) => ({
        stop: () => own.stopNodeDaemon(name, 'kubelet'),
        start: () => own.startNodeDaemon(name, 'kubelet'),
      })),
  },
} satisfies Readonly<Record<string, ClusterCase>>;

/** Cordoned, the job's pods evicted as its disruption budget allows, and free again when others have taken their places. */
async function drain(scene: Scene) {
  const { api, job, random, struck } = scene;
  await job.look();
  const all = job.live;
  const fits = (name: string) => {
    const here = all.filter((worker) => worker.node === name);
    return here.length > 0 && here.every((worker) => job.mayLose(worker));
  };
  const leavesOne = (name: string) => all.some((worker) => worker.node !== name && worker.isAbreast);
  const fitting = scene.cluster.nodes.filter(fits);
  const gentle = fitting.filter(leavesOne);
  const name = pick(gentle.length > 0 ? gentle : fitting, random);
  if (name === undefined) return undefined;
  const cordon = async (unschedulable: boolean | null) => {
    const { status, text } = await api.send('PATCH', `/api/v1/nodes/${name}`, { spec: { unschedulable } });
    if (status >= 300) throw new Error(`${name} is not cordoned: ${status} ${text}`);
  };
  const here = all.filter((worker) => worker.node === name);
  const awayMs = between(random, 2000, 15_000);
  let refused = 0;
  await cordon(true);
  try {
    for (const worker of here) {
      refused += await evictPod(scene, worker);
      if (worker === here[0]) struck();
      job.lost([worker]);
    }
    await later(awayMs);
  } finally {
    await cordon(null);
  }
  const what = `${name} with ${here.length} of ${all.length} workers, the budget said no ${refused} times; back ${awayMs} ms later`;
  return { what, allDied: gentle.length === 0 };
}

export const controller = {
  killed: {
    weight: 2,
    inflict: async (scene) => {
      await killController(scene);
      scene.struck();
      await controllerIsBack(scene);
      return { what: 'its pod deleted with no grace period, another came' };
    },
  },
  'killed while a worker is deleted': {
    losses: 1,
    inflict: async (scene) => {
      const [victim] = (await victims(scene, 1)) ?? [];
      if (victim === undefined) return undefined;
      await Promise.all([killController(scene), deletePod(scene, victim, 'at once')]);
      scene.struck();
      scene.job.lost([victim]);
      await controllerIsBack(scene);
      return { what: `and ${victim.name} with it` };
    },
  },
} satisfies Readonly<Record<string, ClusterCase>>;

async function killController({ cluster }: Scene): Promise<void> {
  const selector = `app.kubernetes.io/instance=${release},app.kubernetes.io/component=controller`;
  await cluster.kubectl(['-n', system, 'delete', 'pod', '-l', selector, '--grace-period=0', '--force', '--wait=false']);
}

const controllerIsBack = ({ cluster }: Scene) =>
  cluster.kubectl(['-n', system, 'rollout', 'status', `deployment/${release}`, '--timeout=300s']);

export const controlPlane = {
  'API server killed and started': {
    needs: 'machineRoom',
    weight: 2,
    inflict: (scene) => without(scene, 'kube-apiserver', [2000, 20_000]),
  },
  'API server killed, and a worker while it is away': {
    needs: 'machineRoom',
    losses: 1,
    inflict: async (scene) => {
      const [victim] = (await victims(scene, 1)) ?? [];
      if (victim === undefined) return undefined;
      return await without(scene, 'kube-apiserver', [2000, 15_000], async () => {
        await killPod(scene, victim);
        scene.job.lost([victim]);
        return `${victim.name} killed by SIGKILL`;
      });
    },
  },
  'etcd killed and started': {
    needs: 'machineRoom',
    inflict: (scene) => without(scene, 'etcd', [2000, 12_000]),
  },
  'controller manager killed and started, and a worker deleted while it is away': {
    needs: 'machineRoom',
    losses: 1,
    inflict: async (scene) => {
      const [victim] = (await victims(scene, 1)) ?? [];
      if (victim === undefined) return undefined;
      return await without(scene, 'kube-controller-manager', [2000, 12_000], async () => {
        await deletePod(scene, victim, 'at once');
        scene.job.lost([victim]);
        return `${victim.name} deleted`;
      });
    },
  },
} satisfies Readonly<Record<string, ClusterCase>>;

/** A part of the control plane is away for a while; what is done meanwhile is the blow, else its end. */
async function without(scene: Scene, part: ControlPlanePart, range: Range, meanwhile?: () => Promise<string>) {
  const own = machineRoom(scene);
  const way = { stop: () => own.stopPart(part), start: () => own.startPart(part) };
  return { what: await away(scene, `${part} was away`, range, way, meanwhile) };
}

async function onOneNode(scene: Scene, what: string, range: Range, wayTo: (own: OwnCluster, name: string) => Way) {
  const name = pick(scene.cluster.nodes, scene.random)!;
  return { what: await away(scene, `${name} ${what}`, range, wayTo(machineRoom(scene), name)) };
}

/** Fewest and most milliseconds. */
type Range = readonly [number, number];

interface Way {
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
}

/** Stops something and starts it again, whatever happens in between. @returns the whole in words. */
async function away(
  { random, struck }: Scene,
  what: string,
  [least, most]: Range,
  { stop, start }: Way,
  meanwhile?: () => Promise<string>,
): Promise<string> {
  const forMs = between(random, least, most);
  await stop();
  try {
    const done = await meanwhile?.();
    struck();
    await later(forMs);
    return [`${what} for ${forMs} ms`, done].filter(Boolean).join(', ');
  } finally {
    await start();
  }
}
