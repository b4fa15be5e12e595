// `npm run test:peer [-- ADAPTER]`: PEFT, gguf-py and llama.cpp read what Espalier wrote, and Espalier what PEFT wrote; the
// store keeps its contract on SeaweedFS.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, installPackages, root } from './bootstrap.mjs';
import { peerPython } from './peers.mjs';

installPackages();
build();
const env = { ...process.env, PEER_PYTHON: peerPython() };
const run = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status ?? 1;
const store = run(join(root, 'test/run.mjs'), '--kind', 'peer');
const adapters = run(join(root, 'dist/test/peer/main.js'), ...process.argv.slice(2));
process.exit(store || adapters);
