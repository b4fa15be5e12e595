// Writes the files that are made from api/: CRD, reference page, error page. Usage: node scripts/generate.mjs [--dir dist]
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values } = parseArgs({ options: { dir: { type: 'string', default: 'dist' } } });
const compiled = pathToFileURL(resolve(root, values.dir, 'api/generate/outputs.js')).href;
const { outputs } = await import(compiled);
for (const [path, text] of outputs()) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
