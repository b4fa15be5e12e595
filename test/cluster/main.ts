import { parseArgs } from 'node:util';
import { openCluster } from './cluster.js';
import { down } from './down.js';
import { withLock } from './lock.js';
import { pathsFor } from './paths.js';

// `npm run cluster [-- up | down] [--fake-nodes N] [--no-images]`

const usage = `usage: npm run cluster                        start a Kubernetes with two nodes, or find it running
       npm run cluster -- --fake-nodes 100   and add nodes that only pretend to run pods
       npm run cluster -- --no-images        without building the images of controller and worker
       npm run cluster -- down               stop it and leave nothing behind
`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'fake-nodes': { type: 'string', default: '0' }, 'no-images': { type: 'boolean', default: false } },
});
// The command is about the machine's own cluster, whatever KUBECONFIG says.
const { KUBECONFIG: _, ...environment } = process.env;
const paths = pathsFor(environment);
const report = (line: string) => process.stderr.write(`${line}\n`);
const [verb = 'up'] = positionals;
const fakeNodes = Number(values['fake-nodes']);

if (!['up', 'down'].includes(verb) || !Number.isInteger(fakeNodes)) {
  report(usage);
  process.exit(2);
}
if (process.getuid?.() !== 0) {
  report('the test cluster makes namespaces, cgroups and a bridge: run it as root');
  process.exit(3);
}
try {
  await (verb === 'down' ? stop() : start());
} catch (error) {
  report(error instanceof Error ? error.message : String(error));
  process.exit(3);
}

async function stop(): Promise<void> {
  await withLock(() => down(paths, report));
  report('the cluster is down; binaries and images stay in the cache');
}

async function start(): Promise<void> {
  const cluster = await openCluster({ environment, report });
  if (fakeNodes > 0) await cluster.own?.startFakeNodes(fakeNodes);
  const images = values['no-images'] ? undefined : await cluster.loadProjectImages();
  process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig}\n`);
  const [kubectl, helm] = [cluster.kubectlPath, cluster.helmPath];
  report(`\nnext:\n  export KUBECONFIG=${cluster.kubeconfig}\n  ${kubectl} get nodes`);
  if (images) report(`  controller image: ${images.controller}\n  worker image:     ${images.worker}`);
  report(`  ${helm} install espalier charts/espalier\n  npm run cluster -- down`);
}
