// Makes the programs that Node is started with (common/programs.ts) from the compiled modules: DIR/bin/*.js, each with all it
// imports but native code. Usage: node scripts/bundle.mjs [--dir dist] [PROGRAM...]
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** A native library beside JavaScript that finds it by its own place. */
const external = ['onnxruntime-node'];

/** Packages of the older kind call `require` for Node's own modules, and read files beside themselves. */
const banner = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);
const __folderOfPackage = (path) => decodeURIComponent(new URL(path, import.meta.url).pathname);`;

export async function bundle(dir, only = []) {
  const { programs } = await import(pathToFileURL(join(dir, 'common/programs.js')).href);
  const names = Object.keys(programs).filter((name) => only.length === 0 || only.includes(name));
  const outdir = join(dir, 'bin');
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(names.map((name) => [name, join(dir, `${programs[name]}.js`)])),
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external,
    banner: { js: banner },
    sourcemap: 'linked',
    sourcesContent: false,
    plugins: [packageFiles(outdir)],
    metafile: true,
    logLevel: 'warning',
  });
  writeFileSync(join(outdir, 'LICENSES.txt'), licensesOf(Object.keys(metafile.inputs)));
}

/**
 * Node reads the map of every file that it loads, and those of packages are most of it: a frame in a package is shown with its
 * file, and without its line. Packages that read files beside their code (.proto) find them in `packages/`.
 */
const packageFiles = (outdir) => ({
  name: 'files of packages',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]node_modules[/\\].*\.[cm]?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const place = /\b__dirname\b/.test(text)
        ? `const __dirname = __folderOfPackage('${keptFolder(path, outdir)}');`
        : '';
      const map = { version: 3, sources: [basename(path)], mappings: 'AAAA' };
      const encoded = Buffer.from(JSON.stringify(map)).toString('base64');
      const contents = `${place}${text}\n//# sourceMappingURL=data:application/json;base64,${encoded}`;
      return { contents, loader: 'js' };
    });
  },
});

/** Copies what the package of this file may read, and names the file's folder among the copies. */
function keptFolder(path, outdir) {
  const [, packages, name, inside] = path.match(/^(.*[/\\]node_modules)[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)[/\\](.*)$/);
  const protos = readdirSync(join(packages, name), { recursive: true }).filter((file) => file.endsWith('.proto'));
  if (protos.length === 0)
    throw new Error(`${path} names its folder, and no .proto of ${name} is there to carry along`);
  for (const file of protos) cpSync(join(packages, name, file), join(outdir, 'packages', name, file));
  return ['packages', name, dirname(inside)].join('/').replaceAll('\\', '/');
}

/** Whoever gets a bundle gets the licences of what is in it. */
function licensesOf(inputs) {
  const folderOf = (input) => input.match(/^(.*\bnode_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+)/)?.[1];
  const folders = [...new Set(inputs.map(folderOf).filter(Boolean))].sort();
  return folders
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const files = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|notice)/i.test(file));
      const texts = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
      return [`${name} ${version} (${license})`, ...texts].join('\n\n');
    })
    .join(`\n\n${'-'.repeat(80)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { dir: { type: 'string', default: join(root, 'dist') } };
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  await bundle(resolve(values.dir), positionals);
}
