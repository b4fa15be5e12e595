import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { silentLogger } from '../../common/log.js';
import { packageRoot } from '../../common/root.js';
import { quickstartBase } from '../../test/support/quickstartBase.js';
import { largestDifference } from '../../test/support/runGraph.js';
import { createGenerator, type Generator } from './generate.js';
import { readSafetensorsHeader } from './safetensors/read.js';

const endOfTurn = 2;
const topTokens = 20;

/** test/golden/models135m.py: transformers on the same GGUF, read by transformers itself. */
async function golden(): Promise<ReadonlyMap<string, Float32Array | Int32Array>> {
  const path = join(packageRoot(), 'test/golden/models135m/golden.safetensors');
  const { tensors } = await readSafetensorsHeader(path);
  const content = await readFile(path);
  return new Map(
    [...tensors].map(([name, { dtype, offset, bytes }]) => {
      const { buffer } = Uint8Array.prototype.slice.call(content, offset, offset + bytes);
      return [name, dtype === 'I32' ? new Int32Array(buffer) : new Float32Array(buffer)];
    }),
  );
}

describe('the 135M base of the quickstart', async () => {
  const expected = await golden();
  const base = await quickstartBase();
  const generator: Generator = createGenerator(base, { device: 'cpu', log: silentLogger });
  after(() => generator.close());
  const ids = (i: number): Int32Array => expected.get(`ids_${i}`) as Int32Array;
  const prompts = [0, 1, 2, 3].map(ids);

  test('has the logits of transformers', async () => {
    const { vocabSize } = base.spec;
    for (const [i, prompt] of prompts.entries()) {
      const logits = await generator.logits(prompt);
      const last = logits.subarray((prompt.length - 1) * vocabSize);
      const difference = largestDifference(last, expected.get(`last_${i}`)!);
      assert.ok(difference <= 2e-4, `prompt ${i}: logits differ by ${difference}`);
      (expected.get(`positions_${i}`) as Int32Array).forEach((position, place) => {
        const row = logits.subarray(position * vocabSize, (position + 1) * vocabSize);
        const [start, end] = [place * topTokens, (place + 1) * topTokens];
        const best = Array.from(row.keys())
          .sort((a, b) => row[b]! - row[a]!)
          .slice(0, topTokens);
        assert.deepEqual(best, [...expected.get(`top_ids_${i}`)!.subarray(start, end)], `prompt ${i}, ${position}`);
      });
    }
  });

  test('continues prompts as transformers does, batched as alone', async () => {
    const options = { maxTokens: 24, stopIds: [endOfTurn] };
    const answers = prompts.map((_, i) => expected.get(`greedy_${i}`)!.filter((id) => id !== endOfTurn));
    assert.deepEqual(await generator.generate(prompts, options), answers);
    for (const i of [0, 1]) assert.deepEqual(await generator.generate([prompts[i]!], options), [answers[i]]);
  });
});
