// `npm test [-- --kind unit|integration|e2e] [PATH_PART...]`: installs, builds, fetches the real servers, runs the tests.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, must, root } from './bootstrap.mjs';

const args = process.argv.slice(2);
const unitOnly = args.includes('unit');
installPackages();
build();
if (!unitOnly) {
  must('bash', [join(root, 'scripts', 'install-versitygw.sh')], {
    remedy: 'the tests need Go 1.24 or later for the S3 server versitygw',
  });
  must('bash', [join(root, 'scripts', 'install-vulkan.sh')], {
    remedy: 'the WebGPU test needs a software Vulkan device',
  });
}
const done = spawnSync(process.execPath, [join(root, 'test', 'run.mjs'), ...args], { cwd: root, stdio: 'inherit' });
process.exit(done.status ?? 1);
