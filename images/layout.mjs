// Lays out what one part needs at run time: its compiled layers, the files they read, and the packages they import with
// all that those depend on. Runs inside the image build, after `npm ci` and `tsc`; plain JavaScript without dependencies.
// Usage: node images/layout.mjs --part controller|worker --out FOLDER
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const layersOf = {
  controller: ['common', 'api', 'elastic', 'proto', 'controller'],
  // The command line too: `helm test` trains and asks with it, and so does who looks into a pod.
  worker: ['common', 'api', 'elastic', 'proto', 'controller', 'worker', 'cli'],
};
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({ options: { part: { type: 'string' }, out: { type: 'string' } } });
const layers = layersOf[values.part];
if (!layers || !values.out) throw new Error('usage: node images/layout.mjs --part controller|worker --out FOLDER');

const packages = closure(layers.flatMap((layer) => importedBy(join(root, 'dist', layer))));
rmSync(values.out, { recursive: true, force: true });
mkdirSync(values.out, { recursive: true });
cpSync(join(root, 'package.json'), join(values.out, 'package.json'));
for (const layer of layers) {
  cpSync(join(root, 'dist', layer), join(values.out, 'dist', layer), { recursive: true });
  copyData(layer);
}
for (const folder of packages) {
  cpSync(join(root, folder), join(values.out, folder), { recursive: true, filter: isNeeded });
}

/**
 * Dependencies that the compiled files of a folder name after `from` or `import`. Strings may look like imports, so only
 * what package.json lists counts; that it lists every import is a test of its own.
 */
function importedBy(folder) {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const specifier = /\b(?:from|import)\s*\(?\s*['"](@?[a-z0-9][\w./@-]*)['"]/g;
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(specifier)].map(([, name]) => name))
    .map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    )
    .filter((name) => name in dependencies);
}

/** Folders of these packages and of all they depend on, each found from its user upwards, as Node does. */
function closure(names) {
  const found = new Set();
  const visit = (name, from, optional) => {
    const folder = resolve(name, from);
    if (!folder && optional) return;
    if (!folder) throw new Error(`${name}, which ${from || 'the code'} needs, is not installed`);
    if (found.has(folder)) return;
    found.add(folder);
    const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const optionalPeers = manifest.peerDependenciesMeta ?? {};
    for (const each of Object.keys(manifest.dependencies ?? {}))
      visit(each, folder, each in (manifest.optionalDependencies ?? {}));
    for (const each of Object.keys(manifest.optionalDependencies ?? {})) visit(each, folder, true);
    for (const each of Object.keys(manifest.peerDependencies ?? {})) visit(each, folder, optionalPeers[each]?.optional);
  };
  for (const name of names) visit(name, '', false);
  // A package inside another one's folder travels with it.
  return [...found].filter((folder) => ![...found].some((other) => folder.startsWith(`${other}/`)));
}

function resolve(name, from) {
  for (let at = from; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name);
    if (existsSync(join(root, candidate, 'package.json'))) return candidate;
    if (at === '' || at === '.') return undefined;
  }
}

/** Native libraries of other platforms are most of onnxruntime-node; types and source maps of packages help nobody here. */
function isNeeded(file) {
  const native = file.match(/onnxruntime-node[/\\]bin[/\\][^/\\]+[/\\]([^/\\]+)(?:[/\\]([^/\\]+))?/);
  if (native) return native[1] === platform && (native[2] ?? arch) === arch;
  return !/\.(d\.[cm]?ts|[cm]?ts|map)$|[/\\]onnxruntime-node[/\\]script$/.test(file);
}

/** What the layers read besides code: protos, texts. */
function copyData(layer) {
  const skip = (file) => /\.(ts|mjs)$/.test(file) || file.split(sep).includes('testdata');
  for (const entry of readdirSync(join(root, layer), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1);
    if (entry.isFile() && !skip(path)) cpSync(join(root, path), join(values.out, path));
  }
}
