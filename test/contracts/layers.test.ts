import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { programs } from '../../common/programs.js';
import { packageRoot } from '../../common/root.js';
import { importsOf, resolved, type SourceFile, sources } from '../support/sources.js';

/** The table of docs/architecture.md: who may import whom, types included. Tests may import test/ besides. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  common: [],
  api: ['common'],
  elastic: ['common', 'api'],
  proto: ['common', 'api'],
  controller: ['common', 'api', 'elastic', 'proto'],
  worker: ['common', 'api', 'elastic', 'proto'],
  cli: ['common', 'api', 'elastic', 'proto', 'controller', 'worker'],
  test: ['common', 'api', 'elastic', 'proto', 'controller', 'worker', 'cli'],
};

/** Packages with one home each. */
const homes: readonly { readonly of: RegExp; readonly home: RegExp }[] = [
  { of: /^onnxruntime-(node|common)$/, home: /^worker\/engine\/session/ },
  { of: /^@kubernetes\/client-node$/, home: /^controller\/cluster\/kube\// },
  { of: /^@(aws-sdk|smithy)\//, home: /^worker\/store\/s3/ },
];

/** `common/` is a leaf with an allow-list: anything else belongs to the part that uses it. */
const common = ['clock', 'deadline', 'files', 'hash', 'log', 'programs', 'retry', 'root', 'shutdown'];

const mostLines = 320;

const files = sources();
const shipped = files.filter(({ isTest }) => !isTest);
const layer = (path: string): string => path.split('/')[0]!;
const outside = (name: string): boolean => !name.startsWith('.') && !name.startsWith('node:');

test('every import goes along the table of layers', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => ({ file, target: resolved(file, name) }))
      .filter(({ target }) => {
        const [from, to] = [layer(file.path), layer(target)];
        return from !== to && !mayImport[from]?.includes(to) && !(file.isTest && to === 'test');
      })
      .map(({ target }) => `${file.path} imports ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('no import goes in a circle, types included', () => {
  const edges = new Map(files.map((file) => [file.path, targets(file)]));
  assert.deepEqual(circles(edges), []);
});

const targets = (file: SourceFile): string[] =>
  importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => resolved(file, name));

/** Depth-first walk; each circle is told once, as the path that closes it. */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (trail.includes(path) || finished.has(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return found;
}

test('the walk for circles finds one', () => {
  const edges = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['a']],
  ]);
  assert.deepEqual(circles(edges), ['a -> b -> c -> a']);
});

test('onnxruntime, the Kubernetes client and the AWS SDK are seen in their homes only', () => {
  const wrong = shipped.flatMap((file) =>
    importsOf(file)
      .filter((name) => homes.some(({ of, home }) => of.test(name) && !home.test(file.path)))
      .map((name) => `${file.path} imports ${name}`),
  );
  assert.deepEqual(wrong, []);
});

test('every package that is imported is a dependency', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const packageOf = (name: string) => name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/'); // biome-ignore format: one thought
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter(outside)
      .map(packageOf)
      .filter((name) => !(name in dependencies) && !(file.isTest && name in devDependencies))
      .map((name) => `${file.path} imports ${name}`),
  );
  assert.deepEqual(wrong, []);
});

test('wherever Node starts, it starts a program of common/programs.ts', () => {
  const isStart = ({ path, code }: SourceFile) =>
    path.endsWith('/main.ts') || /\bworkerData\b[^;]* from 'node:worker_threads'/.test(code);
  const starts = shipped.filter(isStart).map(({ path }) => path.replace(/\.ts$/, ''));
  assert.deepEqual(starts.sort(), Object.values(programs).sort());
});

test('threads of engines and generators load the runtime and its format, and no schemas', () => {
  for (const thread of ['worker/engine/thread.js', 'worker/model/generate/thread.js']) {
    const loaded = loadedBy(new URL(`../../${thread}`, import.meta.url));
    const packages = [...loaded].filter((name) => !/^(file|node):/.test(name)).sort();
    assert.deepEqual(packages, ['@bufbuild/protobuf/wire', 'onnxruntime-node'], thread);
  }
});

test('command line and workers start without the clients that only some jobs want', () => {
  const starts = ['cli/main.js', 'worker/main.js', 'worker/pod/podWorker.js'];
  const loaded = starts.flatMap((path) => [...loadedBy(new URL(`../../${path}`, import.meta.url))]);
  assert.ok(loaded.length > 300, 'the walk has found its modules');
  assert.deepEqual(loaded.filter((name) => /^(@kubernetes|@aws-sdk|@smithy)\/|^undici$/.test(name)), []); // biome-ignore format: one thought
});

/** What a compiled module makes Node load before it runs: its static imports and theirs, types already gone. */
function loadedBy(module: URL, known = new Set<string>()): ReadonlySet<string> {
  known.add(module.href);
  for (const [, name] of readFileSync(module, 'utf8').matchAll(
    /^(?:import|export)\b(?:[^'";]*?\bfrom)? '([^']+)';/gm,
  )) {
    const target = name!.startsWith('.') ? new URL(name!, module).href : name!;
    if (!known.has(target) && target.startsWith('file:')) loadedBy(new URL(target), known);
    known.add(target);
  }
  return known;
}

test('only main.ts files read the environment, the arguments or end the process', () => {
  const wrong = shipped
    .filter(({ path }) => !path.endsWith('/main.ts'))
    .flatMap(({ path, code }) =>
      [...code.matchAll(/\bprocess\.(env|argv|exit(Code)?)\b|from\s+'node:process'/g)].map(
        ([text]) => `${path}: ${text}`,
      ),
    );
  assert.deepEqual(wrong, []);
});

test('there are no default exports, enums or namespaces', () => {
  const forbidden = /^export default\b|^\s*(export\s+)?(const\s+)?enum\s+\w|^\s*(export\s+)?namespace\s+\w/m;
  assert.deepEqual(
    files.filter(({ code }) => forbidden.test(code)).map(({ path }) => path),
    [],
  );
});

test(`no file has more than ${mostLines} lines`, () => {
  const long = files.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  assert.deepEqual(
    long.filter(({ lines }) => lines > mostLines).map(({ path, lines }) => `${path}: ${lines}`),
    [],
  );
});

test('common/ holds what its allow-list names', () => {
  const names = files.filter(({ path }) => layer(path) === 'common').map(({ path }) => path);
  const known = common.flatMap((name) => [`common/${name}.ts`, `common/${name}.test.ts`]);
  assert.deepEqual(
    names.filter((name) => !known.includes(name)),
    [],
  );
});

test('the table here is the table of docs/architecture.md', () => {
  const page = readFileSync(join(packageRoot(), 'docs/architecture.md'), 'utf8');
  const rows = [...page.matchAll(/^\| (\w+) \|[^|]*\| ([^|]*) \|$/gm)].map(([, name, allowed]) => [
    name!,
    allowed!.trim(),
  ]);
  const written = Object.fromEntries(rows.filter(([name]) => name! in mayImport));
  for (const [name, allowed] of Object.entries(mayImport)) {
    if (name === 'test') continue;
    const expected = name === 'cli' ? 'all' : allowed.join(', ') || 'nothing';
    assert.equal(written[name], expected, `docs/architecture.md, row ${name}`);
  }
});
