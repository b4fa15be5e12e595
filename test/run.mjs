// Finds compiled tests and hands them to Node's own runner. Node 20's `--test` takes no globs, so the list is made here.
// Usage: node test/run.mjs [--dir dist] [--kind unit|integration|e2e|cluster|peer|all] [--bundled] [PATH_PART...]
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from '../scripts/bundle.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string', default: 'dist' },
    kind: { type: 'string', default: 'all' },
    // One more than a small machine has cores: many a test waits for a back-off or a probe.
    concurrency: { type: 'string', default: '3' },
    // Whoever calls has just built everything.
    bundled: { type: 'boolean', default: false },
  },
});
// Unit tests lie beside the code and end in .test.js; those that need real servers, a base or long runs end in
// .integration.test.js or .e2e.test.js. Those that take the machine's one test cluster up and down end in .cluster.test.js:
// they run one after the other, by a run of their own (`npm test` makes it beside the others, `npm run test:cluster` alone). Those that
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

// Tests start the programs as users do: those of these modules, whoever compiled them last.
if (!values.bundled) await bundle(resolve(values.dir));

/** What a file does at its root holds for its whole process: hooks before it and around each test, and its settings. */
const rulesItsProcess = (text) => /^(before|beforeEach|afterEach)\(|\bprocess\.(env\.\w+ = |chdir\()/m.test(text);

/** Files of one company share processes. */
function companyOf(file) {
  const text = readFileSync(file, 'utf8');
  if (rulesItsProcess(text)) return 'none';
  if (kindOf(file) === 'unit') return 'unit';
  return /\/sharedPlane\.js';/.test(text) ? 'plane' : 'none';
}

/**
 * Starting Node and loading the same modules costs more than most unit tests do, and starting a control plane more than most
 * tests on it. Long processes come first, so that short ones fill the end.
 */
function shared(all) {
  const folder = join(values.dir, 'test', `groups-${process.pid}`);
  process.once('exit', () => rmSync(folder, { recursive: true }));
  mkdirSync(folder, { recursive: true });
  const of = (company) => all.filter((file) => companyOf(file) === company);
  const together = (company) => {
    const members = of(company);
    const count = Math.ceil(members.length / 32);
    return Array.from({ length: count }, (_, at) => {
      const group = join(folder, `${company}-${at}.js`);
      // Neighbours are alike in what they cost: each group gets some of all.
      const mixed = members.filter((_, place) => place % count === at);
      const imports = mixed.map((file) => `import '${relative(folder, file)}';\n`);
      writeFileSync(group, imports.join(''));
      return group;
    });
  };
  return [...together('plane'), ...of('none'), ...together('unit')];
}

const args = [
  '--enable-source-maps',
  '--test',
  '--test-reporter=spec',
  // A test that hangs fails by name instead of holding up everything: no test takes this long on a busy machine.
  '--test-timeout=1200000',
  `--test-concurrency=${values.kind === 'cluster' ? '1' : values.concurrency}`,
  ...shared(files),
];
// API servers, etcd and kubectl are young and short-lived here: with room for garbage they take a tenth less CPU.
const child = spawn(process.execPath, args, { stdio: 'inherit', env: { GOGC: '400', ...process.env } });
// Asked to stop by its number alone, the tests would go on without it.
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
