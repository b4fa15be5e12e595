import { parseArgs } from 'node:util';
import { down } from './down.js';
import { startFakeNodes } from './kwok.js';
import { withLock } from './lock.js';
import { pathsFor } from './paths.js';
import { up } from './up.js';

// `npm run cluster [-- up | down] [--fake-nodes N]`

const usage = `usage: npm run cluster                        start a Kubernetes with two nodes, or find it running
       npm run cluster -- --fake-nodes 100   and add nodes that only pretend to run pods
       npm run cluster -- down               stop it and leave nothing behind
`;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'fake-nodes': { type: 'string' }, 'no-images': { type: 'boolean', default: false } },
});
const paths = pathsFor(process.env);
const report = (line: string) => process.stderr.write(`${line}\n`);
const [verb = 'up'] = positionals;

if (process.getuid?.() !== 0) {
  report('the test cluster makes namespaces, cgroups and a bridge: run it as root');
  process.exit(3);
}
if (verb === 'down') {
  await withLock(() => down(paths, report));
  report('the cluster is down; binaries and images stay in the cache');
} else if (verb === 'up') {
  const { tools, started } = await up(paths, report);
  const fakeNodes = Number(values['fake-nodes'] ?? 0);
  if (fakeNodes > 0) await startFakeNodes(paths, tools, fakeNodes);
  report(started ? '' : 'the cluster is running already\n');
  process.stdout.write(`export KUBECONFIG=${paths.kubeconfig}\n`);
  report(`\nnext:
  export KUBECONFIG=${paths.kubeconfig}
  ${tools.kubectl} get nodes
  ${tools.helm} install espalier charts/espalier
  npm run cluster -- down`);
} else {
  report(usage);
  process.exit(2);
}
