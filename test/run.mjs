// Finds compiled tests and hands them to Node's own runner. Node 20's `--test` takes no globs, so the list is made here.
// Usage: node test/run.mjs [--dir dist] [--kind unit|integration|e2e|cluster|peer|all] [PATH_PART...]
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string', default: 'dist' },
    kind: { type: 'string', default: 'all' },
    concurrency: { type: 'string', default: '2' },
  },
});
// Unit tests lie beside the code and end in .test.js; those that need real servers, a base or long runs end in
// .integration.test.js or .e2e.test.js. Those that take the machine's one test cluster up and down end in .cluster.test.js:
// they run one after the other, by a run of their own (`npm test` makes it last, `npm run test:cluster` alone). Those that
// need the peers' Python packages end in .peer.test.js and belong to `npm run test:peer`.
const kinds = ['cluster', 'e2e', 'integration', 'peer'];
const kindOf = (file) => kinds.find((kind) => file.endsWith(`.${kind}.test.js`)) ?? 'unit';
const ofAll = ['unit', 'integration', 'e2e'];
const files = readdirSync(values.dir, { recursive: true })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => values.kind === kindOf(file) || (values.kind === 'all' && ofAll.includes(kindOf(file))))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .sort()
  .map((file) => join(values.dir, file));
if (files.length === 0) {
  process.stderr.write(`no test file in ${values.dir} matches; run: npm run build\n`);
  process.exit(1);
}
const args = [
  '--enable-source-maps',
  '--test',
  '--test-reporter=spec',
  // A test that hangs fails by name instead of holding up everything: no test takes this long on a busy machine.
  '--test-timeout=1200000',
  `--test-concurrency=${values.kind === 'cluster' ? '1' : values.concurrency}`,
  ...files,
];
const child = spawn(process.execPath, args, { stdio: 'inherit' });
// Asked to stop by its number alone, the tests would go on without it.
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
