// `npm test [-- --kind unit|integration|e2e|cluster] [PATH_PART...]`: installs, builds, fetches the real servers, runs the
// tests; without arguments those of the cluster too, where this machine can hold one.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';

const args = process.argv.slice(2);

/** What the tests meet beside our own code. Slow on a new machine, so it starts first and beside everything else. */
const tools = args.includes('unit')
  ? []
  : [
      { script: 'install-versitygw.sh', remedy: 'the tests need Go 1.24 or later for the S3 server versitygw' },
      {
        script: 'install-vulkan.sh',
        remedy: 'the WebGPU test needs a software Vulkan device, installed by apt as root',
      },
    ].map(({ script, remedy }) => {
      const child = spawn('bash', [join(root, 'scripts', script)], { cwd: root, stdio: ['ignore', 2, 2] });
      const ended = new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
      return { script, remedy, ended };
    });

installPackages();
build();
const clusterMain = ['--enable-source-maps', join(root, 'dist', 'test', 'cluster', 'main.js')];
const isAsked = args.includes('cluster');
const verdict = isAsked || args.length === 0 ? probe() : undefined;
// Kubernetes and the images are built beside the tests that need neither.
const prepared = verdict?.runs ? prepare() : undefined;

for (const { script, remedy, ended } of tools) {
  if ((await ended) === 0) continue;
  process.stderr.write(`\nscripts/${script} failed: ${remedy}\n`);
  process.exit(3);
}
let status = isAsked ? 0 : runTests(args);
if (verdict?.runs) status = (await runClusterTests()) || status;
else if (isAsked) status = 3;
process.exit(status);

function probe() {
  const { stdout } = spawnSync(process.execPath, [...clusterMain, 'probe'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 2],
  });
  const found = JSON.parse(stdout.toString());
  process.stderr.write(
    `\ntests of the cluster: ${found.runs ? `run ${found.how}` : `NOT RUN, because of ${found.why}`}\n\n`,
  );
  return found;
}

function prepare() {
  const child = spawn('nice', [process.execPath, ...clusterMain, 'prepare'], { cwd: root, stdio: ['ignore', 2, 2] });
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

function runTests(words, environment = process.env) {
  const argv = [join(root, 'test', 'run.mjs'), ...words];
  return spawnSync(process.execPath, argv, { cwd: root, stdio: 'inherit', env: environment }).status ?? 1;
}

async function runClusterTests() {
  if ((await prepared) !== 0) {
    process.stderr.write('\nKubernetes or the images could not be built: see above\n');
    return 3;
  }
  const { KUBECONFIG: _, ...own } = process.env;
  const environment = verdict.where === 'here' ? own : process.env;
  const code = runTests(isAsked ? args : ['--kind', 'cluster'], environment);
  if (verdict.where === 'theirs') return code;
  const down = spawnSync(process.execPath, [...clusterMain, 'down'], { cwd: root, stdio: ['ignore', 'ignore', 2] });
  return code || (down.status ?? 1);
}
