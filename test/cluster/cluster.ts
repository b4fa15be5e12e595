import { text } from 'node:stream/consumers';
import { systemClock } from '../../common/clock.js';
import { accessOfEnvironment } from '../../controller/cluster/kube/apiAccess.js';
import { createHttp } from '../../controller/cluster/kube/http.js';
import { buildah } from './buildah.js';
import { run } from './command.js';
import { apiReady, type ControlPlanePart, startPart, stopPart } from './controlPlane.js';
import { down } from './down.js';
import { startFakeNodes } from './kwok.js';
import { withLock } from './lock.js';
import { setLink } from './network.js';
import { importImage, type NodeDaemon, runInNode, startInNode, stopInNode } from './node.js';
import { type Environment, pathsFor } from './paths.js';
import { nodePlans, plan } from './plan.js';
import { type BuiltImage, ensureProjectImages, ensureS3Image } from './projectImages.js';
import { type ClusterS3, startClusterS3 } from './s3.js';
import { ensureClients, type Report } from './tools.js';
import { up } from './up.js';

/** A Kubernetes for a test: ours, started when it is not there, or the user's own. */
export interface Cluster {
  readonly kubeconfig: string;
  readonly kubectlPath: string;
  readonly helmPath: string;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  helm(args: readonly string[], input?: string): Promise<string>;
  /** GET without a kubectl, each of which takes a fifth of a second of CPU: for what is looked at again and again. */
  read(path: string, query?: Readonly<Record<string, string>>): Promise<string>;
  /** Makes an image known to every node and answers the name that a pod uses for it. */
  loadImage(image: BuiltImage): Promise<string>;
  /** Controller and worker of this tree, built where needed, loaded: names for pods. */
  loadProjectImages(): Promise<{ readonly controller: string; readonly worker: string }>;
  /** A real S3 server in a namespace that exists. */
  startS3(namespace: string): Promise<ClusterS3>;
  readonly nodes: readonly string[];
  /** Undefined on a user's cluster, whose machine room is not ours to break. */
  readonly own: OwnCluster | undefined;
}

/** What only a cluster of ours allows: fake nodes and faults. */
export interface OwnCluster {
  /** This machine as pods see it. */
  readonly hostIp: string;
  nodeIp(name: string): string;
  /** A further name of an image that the nodes have; it moves there from an older image. */
  tagImage(name: string, alias: string): Promise<void>;
  startFakeNodes(count: number): Promise<readonly string[]>;
  stopPart(part: ControlPlanePart, graceMs?: number): Promise<void>;
  startPart(part: ControlPlanePart): Promise<void>;
  stopNodeDaemon(node: string, daemon: NodeDaemon, graceMs?: number): Promise<void>;
  startNodeDaemon(node: string, daemon: NodeDaemon): Promise<void>;
  /** Runs a program inside a node, as a shell on that machine would. */
  runInNode(node: string, argv: readonly string[]): Promise<string>;
  setLink(node: string, state: 'up' | 'down'): Promise<void>;
  down(): Promise<void>;
}

export interface OpenOptions {
  readonly environment?: Environment;
  readonly report?: Report;
  readonly signal?: AbortSignal;
}

/** With KUBECONFIG and IMAGE_REGISTRY set, the user's cluster; else the one of `npm run cluster`, which stays up. */
export async function openCluster({
  environment = process.env,
  report = silent,
  signal,
}: OpenOptions = {}): Promise<Cluster> {
  const paths = pathsFor(environment);
  const { KUBECONFIG: theirs, IMAGE_REGISTRY: registry } = environment;
  if (theirs && theirs !== paths.kubeconfig) {
    if (!registry)
      throw new Error('KUBECONFIG names your cluster: set IMAGE_REGISTRY to a registry that it pulls from');
    const clients = await ensureClients(paths.tools, report);
    return clusterOf({
      paths,
      clients,
      kubeconfig: theirs,
      report,
      load: pushTo(registry, paths.images),
      own: undefined,
    });
  }
  const { tools } = await up(paths, report, signal);
  const load = async ({ name, archive }: BuiltImage) => {
    await Promise.all(nodePlans.map((node) => importImage(paths, node, name, archive)));
    return name;
  };
  const node = (name: string) => nodePlans.find((each) => each.name === name) ?? missing(name);
  const own: OwnCluster = {
    hostIp: plan.hostIp,
    nodeIp: (name) => node(name).ip,
    tagImage: async (name, alias) => {
      for (const each of nodePlans) await runInNode(paths, each, ['ctr', '-n', 'k8s.io', 'images', 'tag', '--force', name, alias]); // biome-ignore format: one thought
    },
    startFakeNodes: (count) => startFakeNodes(paths, tools, count),
    stopPart: (part, graceMs = 0) => stopPart(paths, part, graceMs),
    startPart: async (part) => {
      await startPart(paths, tools, part);
      if (part === 'etcd' || part === 'kube-apiserver') await apiReady(paths, 60, signal);
    },
    stopNodeDaemon: (name, daemon, graceMs = 0) => stopInNode(paths, node(name), daemon, graceMs),
    startNodeDaemon: (name, daemon) => startInNode(paths, node(name), daemon),
    runInNode: (name, argv) => runInNode(paths, node(name), argv),
    setLink: (name, state) => setLink(node(name), state),
    down: () => withLock(() => down(paths, report)),
  };
  return clusterOf({ paths, clients: tools, kubeconfig: paths.kubeconfig, report, load, own });
}

interface Parts {
  readonly paths: ReturnType<typeof pathsFor>;
  readonly clients: { readonly kubectl: string; readonly helm: string };
  readonly kubeconfig: string;
  readonly report: Report;
  readonly load: (image: BuiltImage) => Promise<string>;
  readonly own: OwnCluster | undefined;
}

async function clusterOf({ paths, clients, kubeconfig, report, load, own }: Parts): Promise<Cluster> {
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const client = (program: string) => (args: readonly string[], input?: string) =>
    run(program, args, { env, ...(input === undefined ? {} : { input }) });
  const kubectl = client(clients.kubectl);
  const http = createHttp(await accessOfEnvironment({ KUBECONFIG: kubeconfig }), systemClock);
  const names = await kubectl(['get', 'nodes', '-l', 'type!=kwok', '-o', 'jsonpath={.items[*].metadata.name}']);
  const cluster = {
    kubeconfig,
    kubectlPath: clients.kubectl,
    helmPath: clients.helm,
    kubectl,
    helm: client(clients.helm),
    read: async (path: string, query = {}) => {
      const { status, body } = await http.send({ method: 'GET', path, query, signal: AbortSignal.timeout(30_000) });
      const said = await text(body);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${said}`);
      return said;
    },
    isNear: own !== undefined,
  };
  return {
    ...cluster,
    loadImage: load,
    loadProjectImages: async () => {
      const built = await ensureProjectImages(paths.images, report);
      return { controller: await load(built.controller), worker: await load(built.worker) };
    },
    startS3: async (namespace) =>
      startClusterS3(cluster, namespace, await load(await ensureS3Image(paths.images, report))),
    nodes: names.split(' '),
    own,
  };
}

/** Pushes an archive to a registry and answers the name there. */
function pushTo(registry: string, images: string): (image: BuiltImage) => Promise<string> {
  return async ({ name, archive }) => {
    const pushed = `${registry.replace(/\/$/, '')}/${name.replace(/^[^/]+\//, '')}`;
    await buildah(images, ['pull', `docker-archive:${archive}`]);
    await buildah(images, ['push', name, `docker://${pushed}`]);
    return pushed;
  };
}

function silent(): void {}

function missing(name: string): never {
  throw new Error(`no node ${name}; there are ${nodePlans.map((node) => node.name).join(', ')}`);
}
