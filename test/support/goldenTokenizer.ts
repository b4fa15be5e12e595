import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../common/root.js';
import { openTokenizer } from '../../worker/data/tokenizer/openTokenizer.js';
import type { Tokenizer } from '../../worker/data/tokenizer.js';

export const tokenizerGoldens = join(packageRoot(), 'test/golden/data-tokenizers');

/** One of the committed tokenizers (smollm2 is the quickstart base's), optionally with another chat template. */
export async function openGoldenTokenizer(name: string, chatTemplate?: string): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-tokenizer-'));
  try {
    const packed = await readFile(join(tokenizerGoldens, name, 'tokenizer.json.gz'));
    await writeFile(join(folder, 'tokenizer.json'), gunzipSync(packed));
    await copyFile(join(tokenizerGoldens, name, 'tokenizer_config.json'), join(folder, 'tokenizer_config.json'));
    if (chatTemplate !== undefined) await writeFile(join(folder, 'chat_template.jinja'), chatTemplate);
    return await openTokenizer(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

export async function readGolden<T>(path: string): Promise<T> {
  const packed = await readFile(join(packageRoot(), 'test/golden', path));
  return JSON.parse(gunzipSync(packed).toString('utf8')) as T;
}
