import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import type { Sequence } from './sequence.js';
import type { Tokenizer } from './tokenizer.js';

/** The bundled public-domain chapter on which forgetting is measured. */
export const readGeneralText = (): Promise<string> =>
  readFile(join(packageRoot(), 'worker/data/general/moby-dick.txt'), 'utf8');

/** Up to `count` sequences of exactly `maxTokens` tokens of running text, every next token a label. */
export function generalSequences(
  tokenizer: Tokenizer,
  text: string,
  maxTokens: number,
  count: number,
): readonly Sequence[] {
  const ids = tokenizer.encode(text);
  const whole = Math.min(count, Math.max(1, Math.floor(ids.length / maxTokens)));
  return Array.from({ length: whole }, (_, at) => running(ids.slice(at * maxTokens, (at + 1) * maxTokens)));
}

function running(ids: Int32Array): Sequence {
  const labels = new Int32Array(ids.length).fill(-1);
  labels.set(ids.subarray(1));
  return {
    ids,
    positions: Int32Array.from(ids, (_, at) => at),
    documents: new Int32Array(ids.length).fill(1),
    labels,
  };
}
