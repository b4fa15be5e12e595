import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import { create, openApi } from './api.js';
import { until } from './command.js';
import type { Paths } from './paths.js';
import { plan } from './plan.js';
import { isAlive, recordOf, startDaemon } from './processes.js';
import type { Tools } from './tools.js';

export const fakeTaint = { key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' } as const;

/**
 * Nodes that exist in the API server only; kwok plays their kubelets by test/cluster/kwok/stages.yaml. They are tainted,
 * so a pod comes here only when it tolerates `kwok.x-k8s.io/node`.
 */
export async function startFakeNodes(paths: Paths, tools: Tools, count: number): Promise<readonly string[]> {
  const running = await recordOf(paths, 'kwok');
  if (!running || !(await isAlive(running))) await startKwok(paths, tools);
  const api = await openApi(paths.pki);
  const names = Array.from({ length: count }, (_, index) => `fake-${index}`);
  for (let at = 0; at < names.length; at += 20) {
    await Promise.all(names.slice(at, at + 20).map((name) => create(api, '/api/v1/nodes', fakeNode(name))));
  }
  const heartbeats = async () => {
    const states = await Promise.all(names.map((name) => api('GET', `/api/v1/nodes/${name}`)));
    return states.every(({ text }) => /"type":"Ready","status":"True"/.test(text));
  };
  await until(`${count} fake nodes are Ready`, 60 + count / 10, heartbeats);
  return names;
}

async function startKwok(paths: Paths, tools: Tools): Promise<void> {
  await startDaemon(paths, {
    name: 'kwok',
    command: tools.kwok,
    args: [
      `--kubeconfig=${paths.kubeconfig}`,
      `--manage-nodes-with-annotation-selector=${fakeTaint.key}=${fakeTaint.value}`,
      '--node-lease-duration-seconds=40',
      `--cidr=${plan.fakePodsCidr}`,
      `--node-ip=${plan.hostIp}`,
      // Named stages replace kwok's own, whose pods of a Job end at once.
      `--config=${join(packageRoot(), 'test', 'cluster', 'kwok', 'stages.yaml')}`,
    ],
  });
}

function fakeNode(name: string): unknown {
  const resources = { cpu: '32', memory: '256Gi', pods: '110', 'nvidia.com/gpu': '8' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [fakeTaint.key]: fakeTaint.value },
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        type: 'kwok',
      },
    },
    spec: { taints: [fakeTaint] },
    status: { allocatable: resources, capacity: resources },
  };
}
