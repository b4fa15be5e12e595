// `npm run chaos` and its like: installs, builds, runs one compiled program with the arguments that follow.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';

const [program, ...args] = process.argv.slice(2);
installPackages();
build();
const done = spawnSync(process.execPath, ['--enable-source-maps', join(root, 'dist', program), ...args], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(done.status ?? 1);
