// `npm run bench -- NAME [--json] [--rounds N] [--quick]`: our training beside PEFT's on this machine (test/bench/).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';
import { peerPython } from './peers.mjs';

installPackages();
build();
const done = spawnSync(process.execPath, [join(root, 'dist/test/bench/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PEER_PYTHON: peerPython() },
});
process.exit(done.status ?? 1);
