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
process.exit(isAsked ? await onlyCluster() : await everything());

async function onlyCluster() {
  return verdict.runs ? await clusterTests(args, 'inherit') : 3;
}

/**
 * Jobs in the cluster wait much, for quotas and back-offs: the other tests take that time. What the cluster's tests say is
 * kept until the others are done.
 */
async function everything() {
  const said = [];
  let hold = true;
  const say = (chunk) => (hold ? said.push(chunk) : process.stdout.write(chunk));
  const cluster = verdict?.runs ? clusterTests(['--kind', 'cluster'], 'pipe', say) : 0;
  const others = await runTests(args, verdict?.runs ? { command: 'nice' } : {});
  for (const chunk of said) process.stdout.write(chunk);
  hold = false;
  const inCluster = await cluster;
  return others || inCluster;
}

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

/** To the end of the tests; `say` hears what they print when they do not inherit our own streams. */
function runTests(words, { command, output = 'inherit', say, env = process.env } = {}) {
  const argv = [process.execPath, join(root, 'test', 'run.mjs'), '--bundled', ...words];
  const [program, ...rest] = command ? [command, ...argv] : argv;
  const child = spawn(program, rest, { cwd: root, stdio: ['ignore', output, output === 'pipe' ? 'pipe' : 2], env });
  child.stdout?.on('data', say);
  child.stderr?.on('data', say);
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

async function clusterTests(words, output, say) {
  if ((await prepared) !== 0) {
    process.stderr.write('\nKubernetes or the images could not be built: see above\n');
    return 3;
  }
  const { KUBECONFIG: _, ...own } = process.env;
  const env = verdict.where === 'here' ? own : process.env;
  const code = await runTests(words, { output, say, env });
  if (verdict.where === 'theirs') return code;
  const down = spawnSync(process.execPath, [...clusterMain, 'down'], { cwd: root, stdio: ['ignore', 'ignore', 2] });
  return code || (down.status ?? 1);
}
