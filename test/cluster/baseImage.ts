import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildArchive, buildah } from './buildah.js';
import { run } from './command.js';
import type { Report } from './tools.js';

/** Stand-ins for node:24-slim, made of this machine's own Node: image builds then need no registry of images. */
export interface BaseImages {
  /** Node and what it links to. */
  readonly runtime: string;
  /** The same with npm and a shell's usual tools. */
  readonly build: string;
}

const runtimePrograms = ['sh', 'env', 'cat', 'ls', 'sleep', 'id'];
const buildPrograms = ['cp', 'mv', 'rm', 'mkdir', 'chmod', 'ln', 'uname', 'dirname', 'basename'];

/** Parts of glibc that node does not link: opened by name to resolve hosts and users, or linked by native modules. */
const moreOfGlibc = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2', 'librt.so.1'];

export async function ensureBaseImages(images: string, report: Report): Promise<BaseImages> {
  const node = await realpath(process.execPath);
  const id = await sha12(node);
  const names = { runtime: `espalier.local/node:${id}`, build: `espalier.local/node-build:${id}` };
  const stored = await buildah(images, ['images', '--format', '{{.Name}}:{{.Tag}}']);
  if (Object.values(names).every((name) => stored.split('\n').includes(name))) return names;
  const context = await mkdtemp(join(tmpdir(), 'espalier-base-'));
  try {
    await writeRuntime(join(context, 'runtime'), node);
    await writeBuild(join(context, 'build'), node);
    const dockerfile = join(context, 'Dockerfile');
    await writeFile(dockerfile, dockerfileText);
    for (const target of ['runtime', 'build'] as const) {
      await rm(await buildArchive(images, { name: names[target], context, dockerfile, target }, report));
    }
  } finally {
    await rm(context, { recursive: true });
  }
  return names;
}

const dockerfileText = `FROM scratch AS runtime
COPY runtime/ /
ENV PATH=/usr/local/bin:/usr/bin:/bin
CMD ["node"]
FROM runtime AS build
COPY build/ /
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt HOME=/root
`;

async function writeRuntime(root: string, node: string): Promise<void> {
  for (const folder of ['etc/ssl/certs', 'tmp', 'app', 'proc', 'sys', 'dev', 'run', 'root', 'var/tmp']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await run('chmod', ['1777', join(root, 'tmp'), join(root, 'var/tmp')]);
  await mkdir(join(root, 'usr/local/bin'), { recursive: true });
  await copyFile(node, join(root, 'usr/local/bin/node'));
  await run('strip', [join(root, 'usr/local/bin/node')]).catch(() => undefined);
  const programs = await programFiles(root, runtimePrograms);
  await copyLibraries(root, [node, ...programs]);
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/app:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
  await writeFile(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  const authorities = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(authorities)) await copyFile(authorities, join(root, authorities));
}

async function writeBuild(root: string, node: string): Promise<void> {
  const programs = await programFiles(root, buildPrograms);
  await copyLibraries(root, programs);
  const npm = join(dirname(dirname(node)), 'lib/node_modules/npm');
  await cp(npm, join(root, 'usr/local/lib/node_modules/npm'), { recursive: true, verbatimSymlinks: true });
  await mkdir(join(root, 'usr/local/bin'), { recursive: true });
  for (const name of ['npm', 'npx']) {
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, `usr/local/bin/${name}`));
  }
}

/** Copies programs of this machine into /bin of the image and answers where they came from. */
async function programFiles(root: string, names: readonly string[]): Promise<readonly string[]> {
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  const files: string[] = [];
  for (const name of names) {
    const file = ['/bin', '/usr/bin'].map((folder) => join(folder, name)).find(existsSync);
    if (!file) throw new Error(`the base image of the tests wants ${name}, which this machine lacks`);
    await copyFile(file, join(root, 'bin', name));
    files.push(file);
  }
  // Scripts begin with #!/usr/bin/env.
  if (names.includes('env')) await symlink('/bin/env', join(root, 'usr/bin/env'));
  return files;
}

async function copyLibraries(root: string, programs: readonly string[]): Promise<void> {
  const wanted = new Set<string>();
  for (const program of programs) {
    for (const [path] of (await run('ldd', [program])).matchAll(/\/[^\s)]+/g))
      if (path !== `${program}:`) wanted.add(path);
  }
  const folder = [...wanted].find((path) => path.includes('/libc.so'));
  for (const name of moreOfGlibc) if (folder) wanted.add(join(dirname(folder), name));
  for (const path of wanted) {
    if (!existsSync(path) || !(await stat(path)).isFile()) continue;
    await mkdir(join(root, dirname(path)), { recursive: true });
    await copyFile(path, join(root, path));
  }
}

/** The machine's Node, and this file's recipe by the text that makes the image. */
async function sha12(file: string): Promise<string> {
  const hash = createHash('sha256')
    .update(dockerfileText)
    .update(JSON.stringify([runtimePrograms, buildPrograms, moreOfGlibc]));
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  hash.update(await readFile('/etc/os-release').catch(() => ''));
  return hash.digest('hex').slice(0, 12);
}
