// Lays out what one part needs at run time: its programs, the files they read, and the native runtime with its loader. Runs
// inside the image build, after `npm ci`, `tsc` and scripts/bundle.mjs; plain JavaScript without dependencies.
// Usage: node images/layout.mjs --part controller|worker --out FOLDER
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const parts = {
  controller: { layers: ['common', 'api', 'elastic', 'proto', 'controller'], packages: [] },
  // The command line too: `helm test` trains and asks with it, and so does who looks into a pod.
  worker: {
    layers: ['common', 'api', 'elastic', 'proto', 'controller', 'worker', 'cli'],
    packages: ['onnxruntime-node', 'onnxruntime-common'],
  },
};
const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { part: { type: 'string' }, out: { type: 'string' } } });
const part = parts[values.part];
if (!part || !values.out) throw new Error('usage: node images/layout.mjs --part controller|worker --out FOLDER');

rmSync(values.out, { recursive: true, force: true });
mkdirSync(values.out, { recursive: true });
for (const path of ['package.json', 'dist/bin']) cpSync(join(root, path), join(values.out, path), { recursive: true });
for (const layer of part.layers) copyData(layer);
for (const name of part.packages) {
  const folder = join('node_modules', name);
  cpSync(join(root, folder), join(values.out, folder), { recursive: true, filter: isNeeded });
}

/** Native libraries of other platforms are most of onnxruntime-node; types and source maps help nobody here. */
function isNeeded(file) {
  const native = file.match(/onnxruntime-node[/\\]bin[/\\][^/\\]+[/\\]([^/\\]+)(?:[/\\]([^/\\]+))?/);
  if (native) return native[1] === platform && (native[2] ?? arch) === arch;
  return !/\.(d\.[cm]?ts|[cm]?ts|map)$|[/\\]onnxruntime-node[/\\]script$/.test(file);
}

/** What the layers read besides code: protos, texts. */
function copyData(layer) {
  const skip = (file) => /\.(ts|mjs)$/.test(file) || file.split(sep).includes('testdata');
  for (const entry of readdirSync(join(root, layer), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name).slice(root.length);
    if (entry.isFile() && !skip(path)) cpSync(join(root, path), join(values.out, path));
  }
}
