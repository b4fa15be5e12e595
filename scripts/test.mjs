// `npm test [-- --kind unit|integration|e2e] [PATH_PART...]`: installs, builds, fetches the real servers, runs the tests.
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
for (const { script, remedy, ended } of tools) {
  if ((await ended) === 0) continue;
  process.stderr.write(`\nscripts/${script} failed: ${remedy}\n`);
  process.exit(3);
}
const done = spawnSync(process.execPath, [join(root, 'test', 'run.mjs'), ...args], { cwd: root, stdio: 'inherit' });
process.exit(done.status ?? 1);
