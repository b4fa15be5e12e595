// `npm run cluster [-- up | down] [--fake-nodes N]`: a Kubernetes of this machine's own, for development and tests.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';

installPackages();
build();
const done = spawnSync(
  process.execPath,
  ['--enable-source-maps', join(root, 'dist', 'test', 'cluster', 'main.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exit(done.status ?? 1);
