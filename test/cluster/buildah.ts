import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.js';
import type { Report } from './tools.js';

/** One image to make: where the files are, what to do with them, and the whole name it gets. */
export interface ImageBuild {
  readonly name: string;
  readonly context: string;
  readonly dockerfile: string;
  readonly target?: string;
  readonly args?: Readonly<Record<string, string>>;
}

/**
 * buildah as root without a daemon. It gets a mount namespace of its own, so that nothing it mounts outlives it; its
 * storage is the cache's, not the machine's.
 */
export async function buildah(images: string, args: readonly string[], report?: Report): Promise<string> {
  const policy = join(images, 'policy.json');
  if (!existsSync(policy)) {
    await mkdir(images, { recursive: true });
    await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  }
  const storage = ['--root', join(images, 'storage'), '--runroot', join(images, 'run'), '--storage-driver', 'overlay'];
  const [verb, ...rest] = args;
  const verified = ['bud', 'push', 'pull'].includes(verb!) ? ['--signature-policy', policy] : [];
  return run(
    'unshare',
    ['--mount', '--propagation', 'private', 'buildah', ...storage, verb!, ...verified, ...rest],
    report ? { onOutput: (text) => report(text.trimEnd()) } : {},
  );
}

/** Builds an image into an archive, or answers the archive that is there: its name says what it is made of. */
export async function buildArchive(images: string, build: ImageBuild, report: Report): Promise<string> {
  const archive = join(images, `${build.name.replaceAll(/[/:]/g, '_')}.tar`);
  if (existsSync(archive)) return archive;
  report(`building the image ${build.name}`);
  const npmrc = join(homedir(), '.npmrc');
  await buildah(images, [
    ...['bud', '--isolation', 'chroot', '--layers', '--timestamp', '0', '--pull-never', '--tag', build.name],
    ...['--file', build.dockerfile],
    ...(build.target ? ['--target', build.target] : []),
    ...Object.entries(build.args ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    ...(existsSync(npmrc) ? ['--secret', `id=npmrc,src=${npmrc}`] : []),
    build.context,
  ]);
  const partial = `${archive}.part-${process.pid}`;
  try {
    await buildah(images, ['push', build.name, `docker-archive:${partial}:${build.name}`]);
    await rename(partial, archive);
  } finally {
    await rm(partial, { force: true });
  }
  return archive;
}
