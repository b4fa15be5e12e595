import { openApi } from './api.js';
import { until } from './command.js';
import { apiReady, controlPlaneParts, startControllers, startStorageAndApi } from './controlPlane.js';
import { down } from './down.js';
import { withLock } from './lock.js';
import { makeBridge } from './network.js';
import { bootNode, importImage, joinNode } from './node.js';
import { pauseImage } from './nodeFiles.js';
import type { Paths } from './paths.js';
import { ensurePauseImage } from './pauseImage.js';
import { writePki } from './pki.js';
import { nodePlans } from './plan.js';
import { isAlive, recordOf } from './processes.js';
import { ensureTools, type Report, type Tools } from './tools.js';

export interface Running {
  readonly tools: Tools;
  /** False when the cluster was there already. */
  readonly started: boolean;
}

/** Brings the cluster up from whatever state it is in: running, never started, or left behind half dead. */
export async function up(paths: Paths, report: Report, signal?: AbortSignal): Promise<Running> {
  const tools = await ensureTools(paths.tools, report);
  return withLock(async () => {
    if (await isRunning(paths)) return { tools, started: false };
    await down(paths, report);
    try {
      await start(paths, tools, report, signal);
    } catch (error) {
      report('the start failed; stopping what was started');
      await down(paths, report);
      throw error;
    }
    return { tools, started: true };
  });
}

async function start(paths: Paths, tools: Tools, report: Report, signal?: AbortSignal): Promise<void> {
  const since = performance.now();
  const tell = (what: string) => report(`${((performance.now() - since) / 1000).toFixed(1).padStart(5)} s  ${what}`);
  const pause = await ensurePauseImage(paths.images, tools, report);
  await writePki(paths.pki);
  await makeBridge();
  await startStorageAndApi(paths, tools);
  // Nodes boot while the API server does.
  await Promise.all([
    apiReady(paths, 120, signal).then(() => tell('API server ready')),
    ...nodePlans.map(async (node) => {
      await bootNode(paths, tools, node);
      await importImage(paths, node, pauseImage, pause);
      tell(`${node.name} booted`);
    }),
  ]);
  await startControllers(paths, tools);
  for (const node of nodePlans) await joinNode(paths, node);
  await nodesReady(paths, signal);
  tell('nodes ready');
}

/** Every process is there and the API server answers: then `up` has nothing to do. */
export async function isRunning(paths: Paths): Promise<boolean> {
  const names = [
    ...controlPlaneParts,
    ...nodePlans.flatMap(({ name }) => [name, `${name}.containerd`, `${name}.kubelet`, `${name}.kube-proxy`]),
  ];
  for (const name of names) {
    const record = await recordOf(paths, name);
    if (!record || !(await isAlive(record))) return false;
  }
  const api = await openApi(paths.pki);
  // A server that a test has just restarted needs a moment.
  return until('', 10, async () => (await api('GET', '/readyz')).status === 200).catch(() => false);
}

interface NodeStatus {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function nodesReady(paths: Paths, signal?: AbortSignal): Promise<void> {
  const api = await openApi(paths.pki);
  const ready = ({ status }: NodeStatus) =>
    status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  for (const { name } of nodePlans) {
    await until(
      `${name} is Ready`,
      60,
      async () => {
        const { status, text } = await api('GET', `/api/v1/nodes/${name}`);
        return status === 200 && ready(JSON.parse(text) as NodeStatus);
      },
      signal,
    );
  }
  const account = '/api/v1/namespaces/default/serviceaccounts/default';
  await until('the default service account', 30, async () => (await api('GET', account)).status === 200, signal);
}
