import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { createLogger, silentLogger } from '../../common/log.js';
import { goldenTraining } from '../../test/support/goldenAdapter.js';
import { goldenBase, goldenModels, goldenTensors } from '../../test/support/goldenModel.js';
import { largestDifference } from '../../test/support/runGraph.js';
import type { Base } from './base.js';
import { createGenerator, type GenerateOptions, type GeneratorAdapter } from './generate.js';

const eachToken = { maxTokens: 14, stopIds: [] };

/** Prompts of a golden model and their greedy continuations by transformers, or undefined where it made none. */
async function goldenAnswers(model: string): Promise<{ prompts: Int32Array[]; answers: Int32Array[] } | undefined> {
  const golden = await goldenTensors(model, 'golden.safetensors');
  if (!golden.has('greedy_0')) return undefined;
  const ints = (name: string) => golden.get(name)!.data as Int32Array;
  return {
    prompts: [0, 1, 2].map((i) => ints(`greedy_${i}`)),
    answers: [0, 1, 2].map((i) => ints(`greedy_${i}_out`)),
  };
}

async function generated(
  base: Base,
  prompts: readonly Int32Array[],
  options: GenerateOptions,
  { adapter = null, threads = 1 }: { adapter?: GeneratorAdapter | null; threads?: number } = {},
): Promise<Int32Array[]> {
  const generator = createGenerator(base, { adapter, device: 'cpu', threads, log: silentLogger });
  try {
    return await generator.generate(prompts, options);
  } finally {
    await generator.close();
  }
}

/** Prompts of many lengths; some share a long beginning, some are longer than one step of reading. */
function manyPrompts(vocab: number): Int32Array[] {
  const shared = Array.from({ length: 21 }, (_, i) => 3 + ((i * 37) % (vocab - 3)));
  return Array.from({ length: 13 }, (_, i) =>
    Int32Array.from([
      ...shared,
      ...Array.from({ length: 1 + ((i * 11) % 83) }, (_, j) => 3 + ((i * 53 + j * 29) % (vocab - 3))),
    ]),
  );
}

describe('greedy continuations', () => {
  test('are those of transformers for every golden model', async (t) => {
    for (const model of await goldenModels()) {
      const golden = await goldenAnswers(model);
      if (golden)
        await t.test(model, async () => {
          await using base = await goldenBase(model);
          assert.deepEqual(await generated(base, golden.prompts, eachToken), golden.answers);
        });
    }
  });

  test('of many prompts are those of each prompt alone, over threads, shared beginnings and windows', async () => {
    for (const model of ['smollm2', 'qwen2-window', 'llama-rope-dynamic']) {
      await using base = await goldenBase(model);
      const prompts = manyPrompts(base.spec.vocabSize);
      const together = await generated(base, prompts, { maxTokens: 9, stopIds: [] }, { threads: 2 });
      const generator = createGenerator(base, { device: 'cpu', threads: 1, log: silentLogger });
      const alone = [];
      for (const prompt of prompts) alone.push(...(await generator.generate([prompt], { maxTokens: 9, stopIds: [] })));
      await generator.close();
      assert.deepEqual(together, alone, model);
    }
  });

  test('follow the logits of the whole sequence, token by token', async () => {
    for (const model of ['qwen3', 'mistral-window']) {
      await using base = await goldenBase(model);
      const { adapter } = await goldenTraining(model, base.spec);
      const generator = createGenerator(base, { adapter, device: 'cpu', threads: 1, log: silentLogger });
      const prompt = manyPrompts(base.spec.vocabSize)[7]!;
      const [answer] = await generator.generate([prompt], { maxTokens: 12, stopIds: [] });
      const whole = Int32Array.from([...prompt, ...answer!]);
      const logits = await generator.logits(whole);
      await generator.close();
      const vocab = base.spec.vocabSize;
      const best = Array.from(answer!.keys(), (i) => {
        const row = logits.subarray((prompt.length + i - 1) * vocab, (prompt.length + i) * vocab);
        return row.indexOf(Math.max(...row));
      });
      assert.deepEqual([...answer!], best, model);
    }
  });

  test('end before a stop token, each row for itself', async () => {
    await using base = await goldenBase('llama');
    const { prompts, answers } = (await goldenAnswers('llama'))!;
    const stopId = answers[1]![4]!;
    const expected = answers.map((answer) => {
      const end = answer.indexOf(stopId);
      return end < 0 ? answer : answer.slice(0, end);
    });
    assert.deepEqual(await generated(base, prompts, { maxTokens: 14, stopIds: [stopId] }), expected);
  });

  test('of no tokens and of no prompts are empty', async () => {
    await using base = await goldenBase('llama');
    assert.deepEqual(await generated(base, [Int32Array.of(5)], { maxTokens: 0, stopIds: [] }), [new Int32Array()]);
    assert.deepEqual(await generated(base, [], eachToken), []);
  });
});

describe('a generator', () => {
  test('gives the logits of a model adapted by PEFT', async () => {
    for (const model of ['llama', 'qwen3']) {
      await using base = await goldenBase(model);
      const { adapter, batch, logits } = await goldenTraining(model, base.spec);
      const generator = createGenerator(base, { adapter, device: 'cpu', log: silentLogger });
      const difference = largestDifference(await generator.logits(batch.ids), logits);
      await generator.close();
      assert.ok(difference <= 2e-4, `logits differ by ${difference}`);
    }
  });

  test('refuses prompts without tokens or with tokens of another vocabulary', async () => {
    await using base = await goldenBase('llama');
    for (const [prompt, reason] of [
      [Int32Array.of(), 'it has no tokens'],
      [Int32Array.of(4, 192), "token 192 is outside of the base's vocabulary of 192"],
    ] as const)
      await assert.rejects(
        generated(base, [Int32Array.of(4), prompt], eachToken),
        (error) => EspalierError.is(error, 'PromptInvalid') && error.facts.index === 1 && error.facts.reason === reason,
      );
  });

  test('stops between steps when its signal aborts, and can go on afterwards', async () => {
    await using base = await goldenBase('llama');
    const { prompts, answers } = (await goldenAnswers('llama'))!;
    const generator = createGenerator(base, { device: 'cpu', threads: 2, log: silentLogger });
    const controller = new AbortController();
    const endless = generator.generate(prompts, { maxTokens: 100_000, stopIds: [], signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(endless, /enough/);
    await assert.rejects(generator.generate(prompts, { ...eachToken, signal: controller.signal }), /enough/);
    assert.deepEqual(await generator.generate(prompts, eachToken), answers);
    await generator.close();
  });

  test('reports a failure of its thread with its code', async () => {
    await using base = await goldenBase('llama');
    const generator = createGenerator(
      { ...base, directory: '/nowhere' },
      { device: 'cpu', threads: 2, log: silentLogger },
    );
    await assert.rejects(generator.generate([Int32Array.of(4), Int32Array.of(5)], eachToken), (error) =>
      EspalierError.is(error, 'SessionFailed'),
    );
    await generator.close();
  });

  test('logs how much it generated and never what', async () => {
    await using base = await goldenBase('llama');
    const lines: Record<string, unknown>[] = [];
    const log = createLogger((line) => lines.push(JSON.parse(line)), { level: 'debug' });
    const generator = createGenerator(base, { device: 'cpu', threads: 1, log });
    await generator.generate([Int32Array.of(4)], { maxTokens: 3, stopIds: [] });
    await generator.close();
    assert.deepEqual(
      lines.map(({ message, prompts, tokens, threads }) => ({ message, prompts, tokens, threads })),
      [{ message: 'generated', prompts: 1, tokens: 3, threads: 1 }],
    );
  });
});
