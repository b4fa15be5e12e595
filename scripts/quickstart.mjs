// `npm run quickstart [-- --json --workers N]`: from a fresh clone to a trained, published, reloaded adapter.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';

installPackages();
build();
const done = spawnSync(process.execPath, [join(root, 'dist/bin/espalier.js'), 'quickstart', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
process.exit(done.status ?? 1);
