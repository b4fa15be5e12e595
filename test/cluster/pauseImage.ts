import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildArchive } from './buildah.js';
import { pauseImage } from './nodeFiles.js';
import type { Report, Tools } from './tools.js';

/** The image of every pod's sandbox: our own `pause` and nothing else. */
export async function ensurePauseImage(images: string, tools: Tools, report: Report): Promise<string> {
  const context = await mkdtemp(join(tmpdir(), 'espalier-pause-'));
  try {
    await copyFile(tools.pause, join(context, 'pause'));
    const dockerfile = join(context, 'Dockerfile');
    await writeFile(dockerfile, 'FROM scratch\nCOPY pause /pause\nUSER 65532:65532\nENTRYPOINT ["/pause"]\n');
    return await buildArchive(images, { name: pauseImage, context, dockerfile }, report);
  } finally {
    await rm(context, { recursive: true });
  }
}
