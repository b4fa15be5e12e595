import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ensureBaseImages } from './baseImage.js';
import { buildArchive } from './buildah.js';
import { type Cluster, openCluster } from './cluster.js';
import { until } from './command.js';
import { pathsFor } from './paths.js';

// One cluster for the whole file; it is stopped at the end, which is the last test's matter.

const namespace = 'cluster-test';
let cluster: Cluster;
let traces: Traces;

before(async () => {
  await stopIfRunning();
  traces = await tracesOfClusters();
  cluster = await openCluster();
  await cluster.kubectl(['create', 'namespace', namespace]);
});
after(async () => {
  await cluster?.own?.down();
});

test('the machine reaches a service through a node that no pod ever ran on', async () => {
  await cluster.kubectl(['cordon', 'node-1']);
  await using _s3 = await cluster.startS3(namespace);
  await cluster.kubectl(['uncordon', 'node-1']);
  const nodes = await cluster.kubectl(['get', 'pod', '-A', '-o', 'jsonpath={.items[*].spec.nodeName}']);
  assert.equal(nodes, 'node-2');
});

test('two nodes are Ready, and pods on both reach each other, names, and the API with their own token', async () => {
  assert.deepEqual(cluster.nodes, ['node-1', 'node-2']);
  const image = await nodeImage(cluster);
  const serve = "require('http').createServer((q, s) => s.end(process.env.NODE_NAME)).listen(8080)";
  const objects = [
    ...cluster.nodes.map((node) => pod(`server-${node}`, image, node, ['node', '-e', serve])),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'servers', namespace },
      spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ];
  await apply(cluster, objects);
  await cluster.kubectl(['-n', namespace, 'wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s']);
  const fromNode1 = async (program: string) =>
    cluster.kubectl(['-n', namespace, 'exec', 'server-node-1', '--', 'node', '--input-type=module', '-e', program]);
  // A pod is Ready before every kube-proxy hands it connections: asked at once, one of the two may answer them all.
  const seen = new Set<string>();
  await until('servers on both nodes answer to the name of their service', 30, async () => {
    const ask = `console.log(await (await fetch('http://servers.${namespace}.svc.cluster.local')).text())`;
    seen.add((await fromNode1(ask)).trim());
    return seen.size === 2;
  });
  assert.deepEqual([...seen].sort(), ['node-1', 'node-2']);
  const askApi = `
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount/';
    const fs = await import('node:fs');
    const https = await import('node:https');
    const headers = { authorization: 'Bearer ' + fs.readFileSync(folder + 'token', 'utf8') };
    https.get('https://kubernetes.default.svc/version', { ca: fs.readFileSync(folder + 'ca.crt'), headers }, (r) => console.log(r.resume().statusCode));`;
  assert.equal((await fromNode1(askApi)).trim(), '200');
});

test('a deployment of a real S3 server is reached by pods and from here', async () => {
  await using s3 = await cluster.startS3(namespace);
  const inside = `const { status } = await fetch('${s3.endpoint}'); console.log(status)`;
  const said = await cluster.kubectl([
    ...['-n', namespace, 'exec', 'server-node-2', '--', 'node', '--input-type=module', '-e', inside],
  ]);
  const here = await fetch(s3.endpointHere);
  // Both meet the server itself, which refuses a request without a signature.
  assert.deepEqual([said.trim(), here.status], ['403', 403]);
});

test('fake nodes run pods of a Job, end them by annotation, and let them be deleted', async () => {
  assert.deepEqual(await cluster.own?.startFakeNodes(3), ['fake-0', 'fake-1', 'fake-2']);
  const spec = {
    restartPolicy: 'Never',
    tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }],
    nodeSelector: { type: 'kwok' },
    containers: [{ name: 'main', image: 'none', resources: { limits: { 'nvidia.com/gpu': '1' } } }],
  };
  const job = {
    completions: 4,
    parallelism: 4,
    completionMode: 'Indexed',
    backoffLimitPerIndex: 5,
    template: { spec },
  };
  await apply(cluster, [{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'fake', namespace }, spec: job }]);
  const select = ['-n', namespace, '-l', 'job-name=fake'];
  await until('four pods run', 30, async () => (await phases(select)).every((phase) => phase === 'Running') && (await phases(select)).length === 4); // biome-ignore format: one thought
  await cluster.kubectl(['annotate', 'pod', ...select, 'kwok.espalier.dev/exit-code=0']);
  await cluster.kubectl(['-n', namespace, 'wait', 'job/fake', '--for=condition=Complete', '--timeout=30s']);
  await cluster.kubectl(['-n', namespace, 'delete', 'job/fake', '--wait', '--timeout=30s']);
  await until('the pods are gone', 30, async () => (await phases(select)).length === 0);
});

test('etcd and the API server come back with everything after they were killed', async () => {
  await cluster.own?.stopPart('etcd');
  await cluster.own?.startPart('etcd');
  await cluster.own?.stopPart('kube-apiserver');
  await cluster.own?.startPart('kube-apiserver');
  const pods = await cluster.kubectl(['-n', namespace, 'get', 'pod', 'server-node-1', 'server-node-2', '-o', 'name']);
  assert.equal(pods, 'pod/server-node-1\npod/server-node-2\n');
});

test('opening it again finds the same cluster', async () => {
  const again = await openCluster();
  assert.equal(await uidOf(again), await uidOf(cluster));
});

test('a cluster whose processes were killed is cleaned up by the next start', async () => {
  const uid = await uidOf(cluster);
  const { processes } = pathsFor(process.env);
  for (const name of ['etcd', 'node-1.init', 'node-2.kubelet']) {
    process.kill(
      (JSON.parse(await readFile(join(processes, `${name}.json`), 'utf8')) as { pid: number }).pid,
      'SIGKILL',
    );
  }
  cluster = await openCluster();
  assert.notEqual(await uidOf(cluster), uid);
});

test('down leaves no process, mount, network, rule, cgroup or setting behind, and may be said twice', async () => {
  await cluster.own?.down();
  await cluster.own?.down();
  assert.deepEqual(await tracesOfClusters(), traces);
});

type Traces = Awaited<ReturnType<typeof tracesOfClusters>>;

/** What a cluster could leave on a machine. Other programs come and go, so processes are those with our paths in argv. */
async function tracesOfClusters() {
  const lines = async (command: string, ...args: string[]) => {
    const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 1 << 26 });
    return stdout.split('\n').filter(Boolean).sort();
  };
  const settings = ['vm.overcommit_memory', 'vm.panic_on_oom', 'kernel.panic', 'kernel.panic_on_oops', 'kernel.keys.root_maxkeys', 'kernel.keys.root_maxbytes', 'net.ipv4.ip_forward', 'net.ipv4.conf.all.route_localnet', 'net.netfilter.nf_conntrack_max']; // biome-ignore format: one list
  return {
    mounts: (await readFile('/proc/mounts', 'utf8')).split('\n').sort(),
    networkNamespaces: await lines('ip', 'netns'),
    links: (await lines('ip', '-brief', 'link')).map((line) => line.split(/[ @]/)[0]),
    routes: await lines('ip', 'route'),
    rules: await lines('nft', 'list', 'ruleset'),
    cgroups: await lines('find', '/sys/fs/cgroup', '-maxdepth', '3', '-name', '*espalier-node*'),
    settings: await lines('sysctl', '--ignore', ...settings),
    processes: (await processes()).filter((argv) => /espalier-cluster|\/run\/espalier|\/var\/lib\/espalier/.test(argv)),
    files: (await readdir('/var/lib')).filter((name) => /espalier|cni|kubelet|containerd/.test(name)),
  };
}

async function processes(): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

async function stopIfRunning(): Promise<void> {
  const { down } = await import('./down.js');
  const { withLock } = await import('./lock.js');
  await withLock(() => down(pathsFor(process.env), () => undefined));
}

async function phases(select: readonly string[]): Promise<readonly string[]> {
  const text = await cluster.kubectl(['get', 'pod', ...select, '-o', 'jsonpath={.items[*].status.phase}']);
  return text.split(' ').filter(Boolean);
}

async function uidOf({ kubectl }: Cluster): Promise<string> {
  return kubectl(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
}

async function apply({ kubectl }: Cluster, items: readonly unknown[]): Promise<void> {
  await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
}

function pod(name: string, image: string, nodeName: string, command: readonly string[]) {
  const container = { name: 'main', image, command, env: [{ name: 'NODE_NAME', value: nodeName }] };
  const spec = { nodeName, terminationGracePeriodSeconds: 0, containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { app: 'server' } }, spec };
}

/** The base of the project's images: enough for pods that run a line of JavaScript. */
async function nodeImage({ loadImage }: Cluster): Promise<string> {
  const { images } = pathsFor(process.env);
  const { runtime } = await ensureBaseImages(images, () => undefined);
  const context = await mkdtemp(join(tmpdir(), 'espalier-node-'));
  try {
    const dockerfile = join(context, 'Dockerfile');
    await writeFile(dockerfile, `FROM ${runtime}\nUSER 65532:65532\n`);
    const name = runtime.replace('/node:', '/plain-node:');
    return await loadImage({
      name,
      archive: await buildArchive(images, { name, context, dockerfile }, () => undefined),
    });
  } finally {
    await rm(context, { recursive: true });
  }
}
