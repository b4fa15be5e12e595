import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeCgroup } from './cgroups.js';
import { attempt, run, until } from './command.js';
import { plugIn } from './network.js';
import { inside, writeNodeFiles } from './nodeFiles.js';
import type { Paths } from './paths.js';
import type { NodePlan } from './plan.js';
import { childrenOf, isAlive, lastWords, recordOf, startDaemon, stopDaemon, stopProcess } from './processes.js';
import type { Tools } from './tools.js';

/**
 * The kubelet wants these set. They belong to the whole machine, so the node sees files that hold what it wants, and the
 * machine keeps its own values.
 */
const wantedSysctls: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
};

const nodeDaemons = ['containerd', 'kubelet', 'kube-proxy'] as const;
export type NodeDaemon = (typeof nodeDaemons)[number];

/** Namespaces, cable, cgroup and containerd of a node: all that needs no API server. */
export async function bootNode(paths: Paths, tools: Tools, node: NodePlan): Promise<void> {
  await writeNodeFiles(paths, node);
  await makeCgroup(node.cgroup);
  const pid = await startNamespaces(paths, tools, node);
  await plugIn(node, pid);
  await startInNode(paths, node, 'containerd');
  const answers = async () => (await runInNode(paths, node, ['ctr', 'version'])).includes('Server');
  await until(`containerd of ${node.name} answers`, 30, answers).catch(async (error: unknown) => {
    throw new Error(await lastWords(paths, `${node.name}.containerd`), { cause: error });
  });
}

/** kubelet and kube-proxy: to be called when the API server answers. */
export async function joinNode(paths: Paths, node: NodePlan): Promise<void> {
  await startInNode(paths, node, 'kubelet');
  await startInNode(paths, node, 'kube-proxy');
}

/** Runs a program inside the node, as a shell on that machine would. */
export async function runInNode(paths: Paths, node: NodePlan, argv: readonly string[]): Promise<string> {
  return run('nsenter', [...(await entering(paths, node)), ...argv]);
}

export async function startInNode(paths: Paths, node: NodePlan, daemon: NodeDaemon): Promise<void> {
  await startDaemon(paths, {
    name: `${node.name}.${daemon}`,
    command: 'nsenter',
    args: [...(await entering(paths, node)), ...argvOf[daemon](node)],
  });
}

/** Ends one daemon of a living node; its pods go on. */
export async function stopInNode(paths: Paths, node: NodePlan, daemon: NodeDaemon, graceMs: number): Promise<void> {
  const record = await recordOf(paths, `${node.name}.${daemon}`);
  for (const child of record ? await childrenOf(record.pid) : []) await stopProcess(child, graceMs);
  await stopDaemon(paths, `${node.name}.${daemon}`, graceMs);
}

/** Ends a node as a power cut would: its first process dies, and with it, in the kernel, everything inside. */
export async function killNode(paths: Paths, node: NodePlan): Promise<void> {
  await stopDaemon(paths, `${node.name}.init`, 0);
  // Their parents outside (unshare, nsenter) end by themselves once they have reaped them.
  for (const name of [node.name, ...nodeDaemons.map((daemon) => `${node.name}.${daemon}`)]) {
    const record = await recordOf(paths, name);
    if (record) await until('', 5, async () => !(await isAlive(record))).catch(() => undefined);
    await stopDaemon(paths, name, 0);
  }
}

/** Removes pods and containers from the image store before it is closed, so that the next start finds only images. */
export async function emptyNode(paths: Paths, node: NodePlan): Promise<void> {
  await stopInNode(paths, node, 'kubelet', 0);
  // containerd removes some of them itself while we do: what counts is that none is left.
  const script = `
    for round in 1 2 3 4 5; do
      for task in $(ctr -n k8s.io tasks ls -q); do ctr -n k8s.io tasks rm -f "$task" || true; done
      for container in $(ctr -n k8s.io containers ls -q); do ctr -n k8s.io containers rm "$container" || true; done
      [ -z "$(ctr -n k8s.io containers ls -q)" ] && exit 0
    done
    exit 1`;
  await runInNode(paths, node, ['sh', '-c', script]);
}

async function startNamespaces(paths: Paths, tools: Tools, node: NodePlan): Promise<number> {
  const { pid } = await startDaemon(paths, {
    name: node.name,
    command: 'unshare',
    args: [
      ...['--mount', '--propagation', 'private', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child'],
      ...['sh', '-euc', setUp(paths, tools, node)],
    ],
  });
  const [init] = await until(`${node.name} has its namespaces`, 20, async () => {
    const children = await childrenOf(pid);
    const name = children[0] && (await readFile(`/proc/${children[0].pid}/comm`, 'utf8')).trim();
    return name === 'pause' && children;
  }).catch(async (error: unknown) => {
    throw new Error(`${node.name} did not start:\n${await lastWords(paths, node.name)}`, { cause: error });
  });
  const record = { ...init!, name: `${node.name}.init` };
  await writeFile(join(paths.processes, `${record.name}.json`), JSON.stringify(record));
  return record.pid;
}

/** What the node's first process does before it becomes `pause`; every mount is seen by the node alone. */
function setUp(paths: Paths, tools: Tools, node: NodePlan): string {
  const own = paths.node(node.name);
  const bind = (from: string, to: string) => `mount --rbind '${from}' '${to}'`;
  return [
    'mount --make-rshared /',
    'mount -t proc proc /proc',
    'mount -t tmpfs -o mode=755 tmpfs /run',
    // Of the node's own network. The CNI plugin sets it with the node's first pod, and services must work before.
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'mkdir -p /run/espalier/kube /run/espalier/pause /run/espalier/sysctl /run/netns',
    bind(dirname(tools.kube), '/run/espalier/kube'),
    bind(dirname(tools.pause), '/run/espalier/pause'),
    bind(paths.imageStore(node.name), join(own, 'var-lib', 'containerd')),
    bind(join(own, 'var-log'), '/var/log'),
    bind(join(own, 'var-lib'), '/var/lib'),
    ...Object.entries(wantedSysctls).flatMap(([path, value]) => {
      const file = `/run/espalier/sysctl/${path.replaceAll('/', '.')}`;
      return [`echo ${value} > ${file}`, `[ ! -e /proc/sys/${path} ] || ${bind(file, `/proc/sys/${path}`)}`];
    }),
    `hostname ${node.name}`,
    'exec /run/espalier/pause/pause',
  ].join('\n');
}

async function entering(paths: Paths, node: NodePlan): Promise<readonly string[]> {
  const record = await recordOf(paths, `${node.name}.init`);
  if (!record) throw new Error(`${node.name} is not running; run: npm run cluster`);
  return ['-t', `${record.pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
}

const argvOf: Readonly<Record<NodeDaemon, (node: NodePlan) => readonly string[]>> = {
  containerd: () => ['containerd', '--config', `${inside}/containerd.toml`, '--log-level', 'warn'],
  kubelet: ({ name, ip }) => [
    '/run/espalier/kube/kubelet',
    `--config=${inside}/kubelet.json`,
    `--kubeconfig=${inside}/kubelet.kubeconfig`,
    `--node-ip=${ip}`,
    `--hostname-override=${name}`,
  ],
  'kube-proxy': () => ['/run/espalier/kube/kube-proxy', `--config=${inside}/kube-proxy.json`],
};

/** Is the node's first process there? */
export async function nodePid(paths: Paths, node: NodePlan): Promise<number | undefined> {
  return (await recordOf(paths, `${node.name}.init`))?.pid;
}

/** Imports an archive of images into a node, unless it has the image already. */
export async function importImage(paths: Paths, node: NodePlan, image: string, archive: string): Promise<void> {
  const known = await runInNode(paths, node, ['ctr', '-n', 'k8s.io', 'images', 'ls', '-q', `name==${image}`]);
  if (known.trim() === image) return;
  // The archive may lie in a folder that the node sees differently, so it comes by stdin.
  const { code, stderr } = await attempt('sh', [
    '-c',
    `nsenter "$@" ctr -n k8s.io images import - < "$0"`,
    archive,
    ...(await entering(paths, node)),
  ]);
  if (code !== 0) throw new Error(`importing ${image} into ${node.name}: ${stderr}`);
}
