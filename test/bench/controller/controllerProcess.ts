import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ControllerConfig } from '../../../api/controllerConfig.js';
import { programUrl } from '../../../common/programs.js';
import type { KubernetesObject } from '../../../controller/cluster/kube/objects.js';
import { rbac } from '../../../controller/cluster/kube/rbac.js';
import { type Resource, resources } from '../../../controller/cluster/kube/resources.js';
import { until } from '../../cluster/command.js';
import { podDefaults } from '../../support/aControllerConfig.js';
import { freePort } from '../../support/freePort.js';
import { type FakeCluster, serviceAccounts, writeTokenKubeconfig } from './fakeCluster.js';

/** Where the controller lives, and as whom. */
export const home = { namespace: 'espalier', name: 'espalier' } as const;
export const user = `system:serviceaccount:${home.namespace}:${home.name}`;

const main = fileURLToPath(programUrl('controller'));
const authority = `${home.name}-authority`;

const rbacKinds = ['ClusterRole', 'ClusterRoleBinding'].map(
  (kind): Resource<KubernetesObject> => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
  }),
);

/** What the chart makes: namespace, account, exactly the rights of rbac.ts, the ConfigMap that the authority is published in. */
export async function installController(cluster: FakeCluster, signal: AbortSignal): Promise<void> {
  const { client } = cluster;
  await cluster.makeNamespace(home.namespace, signal);
  await client.create(serviceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...home } }, signal);
  const rules = rbac.map(({ apiGroup, resources: of, verbs, names }) => ({
    apiGroups: [apiGroup],
    resources: of,
    verbs,
    ...(names && { resourceNames: names.map((name) => name.replace(/\{\{.*\}\}/, home.name)) }),
  }));
  const [roles, bindings] = rbacKinds as [Resource<KubernetesObject>, Resource<KubernetesObject>];
  const metadata = { name: home.name };
  await client.create(roles, { ...bodyOf(roles), metadata, rules } as KubernetesObject, signal);
  const binding = {
    ...bodyOf(bindings),
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: home.name },
    subjects: [{ kind: 'ServiceAccount', ...home }],
  };
  await client.create(bindings, binding as KubernetesObject, signal);
  const trusted = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: home.namespace, name: authority } };
  await client.create(resources.configMaps, trusted, signal);
}

const bodyOf = ({ apiVersion, kind }: Resource<KubernetesObject>) => ({ apiVersion, kind });

export interface RunningController extends AsyncDisposable {
  readonly pid: number;
  /** Its /metrics. */
  metrics(): Promise<string>;
}

/** The controller as it is shipped, in a process of its own. `preflight` off is its own setting for measurements. */
export async function startController(
  cluster: FakeCluster,
  { folder, preflight }: { readonly folder: string; readonly preflight: 'on' | 'off' },
  signal: AbortSignal,
): Promise<RunningController> {
  await mkdir(folder, { recursive: true });
  const [query, http] = [await freePort(), await freePort()];
  const [kubeconfig, config, log] = ['kubeconfig', 'controller.json', 'controller.log'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await writeTokenKubeconfig(cluster, home, kubeconfig, signal);
  await writeFile(config, JSON.stringify(configOf(query, http)));
  const out = openSync(log, 'a');
  // As the image starts it.
  const flags = ['--enable-source-maps', '--max-old-space-size=384', '--max-semi-space-size=8'];
  const child = spawn(process.execPath, [...flags, main], {
    stdio: ['ignore', out, out],
    env: {
      NODE_ENV: 'production',
      KUBECONFIG: kubeconfig,
      ESPALIER_CONFIG: config,
      ESPALIER_PREFLIGHT: preflight,
      POD_NAMESPACE: home.namespace,
    },
  });
  closeSync(out);
  const metrics = async () => (await fetch(`http://127.0.0.1:${http}/metrics`, { signal })).text();
  const leads = async () => {
    if (child.exitCode !== null) throw new Error(`the controller ended with ${child.exitCode}; see ${log}`);
    return /^espalier_leading 1$/m.test(await metrics());
  };
  try {
    await until('the controller leads', 60, leads, signal);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { pid: child.pid!, metrics, [Symbol.asyncDispose]: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await Promise.race([exited, once(AbortSignal.timeout(10_000), 'abort')]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await exited;
}

/** The chart's defaults. */
const configOf = (queryPort: number, httpPort: number): ControllerConfig => ({
  release: home.name,
  namespaces: [],
  logLevel: 'info',
  query: {
    listen: `127.0.0.1:${queryPort}`,
    dnsNames: [],
    tlsFolder: null,
    authoritySecret: authority,
    address: `127.0.0.1:${queryPort}`,
  },
  http: { listen: `127.0.0.1:${httpPort}` },
  ...podDefaults,
});
