// Makes proto/generated/ (types of every message) from the .proto files, with the choices of proto/load.ts.
// Usage: node proto/generate.mjs [FOLDER]
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tool = join(root, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js');
const out = process.argv[2] ?? join(root, 'proto/generated');
const choices = ['--longs=Number', '--enums=String', '--defaults', '--oneofs', '--includeDirs', 'proto'];
const names = ['--inputTemplate=%sInput', '--outputTemplate=%s', '--importFileExtension=.js'];
const files = ['exchange', 'worker', 'query', 'identity'].map((file) => `espalier/v1/${file}.proto`);
const run = spawnSync(process.execPath, [tool, ...choices, ...names, '-O', out, ...files], {
  cwd: root,
  encoding: 'utf8',
});
process.stderr.write(run.stderr);
process.exit(run.status ?? 1);
