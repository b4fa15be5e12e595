// `npm run bench -- NAME [--json] [--rounds N] [--quick] [--jobs N] [--tokens N] [--float32]`: ourselves beside our peers on this machine (test/bench/).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';
import { peerPython } from './peers.mjs';

installPackages();
build();
const done = spawnSync(process.execPath, [join(root, 'dist/test/bench/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  // The controller's peer is Kubernetes itself.
  env: { ...process.env, ...(!process.argv.includes('controller') && { PEER_PYTHON: peerPython() }) },
});
process.exit(done.status ?? 1);
