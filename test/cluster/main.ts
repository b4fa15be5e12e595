import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { packageRoot } from '../../common/root.js';
import { openCluster } from './cluster.js';
import { down } from './down.js';
import { withLock } from './lock.js';
import { cacheRoot, pathsFor } from './paths.js';
import { probe } from './probe.js';
import { ensureProjectImages, ensureS3Image } from './projectImages.js';
import { startSample } from './sample.js';
import { ensureTools } from './tools.js';

// `npm run cluster [-- up | down] [--sample] [--fake-nodes N] [--no-images]`; `probe` and `prepare` are for `npm test`.

const usage = `usage: npm run cluster                        start a Kubernetes with two nodes, or find it running
       npm run cluster -- --sample           and an S3 server with base and data of examples/workplace
       npm run cluster -- --fake-nodes 100   and add nodes that only pretend to run pods
       npm run cluster -- --no-images        without building the images of controller and worker
       npm run cluster -- down               stop it and leave nothing behind
`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'fake-nodes': { type: 'string', default: '0' },
    'no-images': { type: 'boolean', default: false },
    sample: { type: 'boolean', default: false },
  },
});
// The command is about the machine's own cluster, whatever KUBECONFIG says.
const { KUBECONFIG: _, ...environment } = process.env;
const paths = pathsFor(environment);
const report = (line: string) => process.stderr.write(`${line}\n`);
const [verb = 'up'] = positionals;
const fakeNodes = Number(values['fake-nodes']);
const verbs = { up: start, down: stop, probe: tellProbe, prepare } as const;

if (!(verb in verbs) || !Number.isInteger(fakeNodes)) {
  report(usage);
  process.exit(2);
}
if (verb === 'probe') await tellProbe();
if (process.getuid?.() !== 0) {
  report('the test cluster makes namespaces, cgroups and a bridge: run it as root');
  process.exit(3);
}
try {
  await verbs[verb as keyof typeof verbs]();
} catch (error) {
  report(error instanceof Error ? error.message : String(error));
  process.exit(3);
}

async function stop(): Promise<void> {
  await withLock(() => down(paths, report));
  report('the cluster is down; binaries and images stay in the cache');
}

/** Exit 0 and how tests of the cluster would run, or 4 and why they cannot. */
async function tellProbe(): Promise<void> {
  const verdict = await probe(process.env);
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
  process.exit(verdict.runs ? 0 : 4);
}

/** All that takes long on a new machine and needs no cluster. */
async function prepare(): Promise<void> {
  await ensureTools(paths.tools, report);
  await ensureProjectImages(paths.images, report);
  await ensureS3Image(paths.images, report);
}

async function start(): Promise<void> {
  const cluster = await openCluster({ environment, report });
  if (fakeNodes > 0) await cluster.own?.startFakeNodes(fakeNodes);
  if (!values['no-images']) {
    const images = await cluster.loadProjectImages();
    // Under the names that the chart has by default, so that it needs no values here.
    const tag = await chartVersion();
    await cluster.own?.tagImage(images.controller, `docker.io/espalier/controller:${tag}`);
    await cluster.own?.tagImage(images.worker, `docker.io/espalier/worker:${tag}`);
  }
  if (values.sample) await startSample(cluster, 'default', cacheRoot(environment), report);
  const programs = dirname(cluster.kubectlPath);
  // For `eval "$(npm run --silent cluster)"`.
  process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig} PATH=${programs}:$PATH\n`);
  report(`
next:
  export KUBECONFIG=${cluster.kubeconfig} PATH=${programs}:$PATH
  helm install espalier charts/espalier --namespace espalier --create-namespace --wait
  ${values.sample ? 'kubectl apply -k examples/workplace' : 'kubectl apply -f job.yaml'}
  kubectl wait ftj --all --for=condition=Finished --timeout=1h
  npm run cluster -- down`);
}

async function chartVersion(): Promise<string> {
  const text = await readFile(join(packageRoot(), 'charts/espalier/Chart.yaml'), 'utf8');
  return (parse(text) as { appVersion: string }).appVersion;
}
