// `npm run test:peer [-- ADAPTER]`: PEFT, gguf-py and llama.cpp read what Espalier wrote, and Espalier what PEFT wrote.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';
import { peerPython } from './peers.mjs';

installPackages();
build();
const done = spawnSync(process.execPath, [join(root, 'dist/test/peer/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PEER_PYTHON: peerPython() },
});
process.exit(done.status ?? 1);
