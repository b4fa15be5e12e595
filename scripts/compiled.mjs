// `npm run chaos` and its like: installs, builds, runs one compiled program with the arguments that follow. Flags before the
// program's name are Node's.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';

const given = process.argv.slice(2);
const place = given.findIndex((argument) => !argument.startsWith('-'));
const [flags, program, args] = [given.slice(0, place), given[place], given.slice(place + 1)];
installPackages();
build();
const done = spawnSync(process.execPath, ['--enable-source-maps', ...flags, join(root, 'dist', program), ...args], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(done.status ?? 1);
