// Writes the files that are made from code: CRD, chart values and roles, reference page, error page. Usage: node scripts/generate.mjs [--dir dist]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { dir: { type: 'string', default: 'dist' } } });
const compiled = (path) => pathToFileURL(resolve(root, values.dir, path)).href;
const { outputs } = await import(compiled('api/generate/outputs.js'));
const { rbacOutputs } = await import(compiled('controller/cluster/kube/rbac.js'));
for (const [path, text] of [...outputs(), ...rbacOutputs()]) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
