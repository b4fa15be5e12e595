import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import { toolPath } from '../support/versitygw.js';
import { ensureBaseImages } from './baseImage.js';
import { buildArchive } from './buildah.js';
import type { Report } from './tools.js';

/** An image in an archive, under the name that says what it is made of. */
export interface BuiltImage {
  readonly name: string;
  readonly archive: string;
}

export interface ProjectImages {
  readonly controller: BuiltImage;
  readonly worker: BuiltImage;
}

const sources = ['package.json', 'package-lock.json', '.npmrc', '.dockerignore', 'tsconfig.json', 'common', 'api', 'elastic', 'proto', 'controller', 'worker', 'cli', 'images', 'scripts/bundle.mjs', 'examples/workplace', 'test/support/tinyBase.ts', 'test/support/tinyModel.ts', 'test/golden/data-tokenizers/qwen2']; // biome-ignore format: one list

/** Builds the images of controller and CPU worker from this tree; an unchanged tree costs one reading of its sources. */
export async function ensureProjectImages(images: string, report: Report): Promise<ProjectImages> {
  const base = await ensureBaseImages(images, report);
  const key = await hashOf([...sources], [base.build]);
  const context = packageRoot();
  const build = async (part: 'controller' | 'worker', target: string): Promise<BuiltImage> => {
    const name = `espalier.local/${part}:${key}`;
    const dockerfile = join(context, 'images', `Dockerfile.${part}`);
    const args = { NODE_IMAGE: base.build, RUNTIME_IMAGE: base.runtime };
    return { name, archive: await buildArchive(images, { name, context, dockerfile, target, args }, report) };
  };
  return { controller: await build('controller', 'controller'), worker: await build('worker', 'cpu') };
}

/** The real S3 server of the tests, as an image: versitygw on the base that has its libraries. */
export async function ensureS3Image(images: string, report: Report): Promise<BuiltImage> {
  const binary = await toolPath('install-versitygw.sh');
  const base = await ensureBaseImages(images, report);
  const { size, mtimeMs } = await stat(binary);
  const name = `espalier.local/versitygw:${await hashOf([], [base.runtime, binary, size, mtimeMs])}`;
  const context = await mkdtemp(join(tmpdir(), 'espalier-s3-'));
  try {
    await copyFile(binary, join(context, 'versitygw'));
    const dockerfile = join(context, 'Dockerfile');
    await writeFile(dockerfile, `FROM ${base.runtime}\nCOPY versitygw /usr/local/bin/versitygw\nUSER 65532:65532\nENTRYPOINT ["versitygw"]\n`); // biome-ignore format: one file
    return { name, archive: await buildArchive(images, { name, context, dockerfile }, report) };
  } finally {
    await rm(context, { recursive: true });
  }
}

async function hashOf(paths: readonly string[], facts: readonly unknown[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(facts));
  for (const path of paths) {
    const whole = join(packageRoot(), path);
    if (!existsSync(whole)) continue;
    if (!(await stat(whole)).isDirectory()) {
      hash.update(path).update(await readFile(whole));
      continue;
    }
    const entries = await readdir(whole, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
    // Tests and their data are not in the image (.dockerignore), so they are no reason to build one.
    for (const file of files.filter((each) => !/\.test\.ts$|\/testdata\//.test(each)).sort()) {
      hash.update(file.slice(packageRoot().length)).update(await readFile(file));
    }
  }
  return hash.digest('hex').slice(0, 12);
}
