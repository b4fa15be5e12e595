import { z } from 'zod';
import { defineCommand, flag, toggle } from '../command.js';
import { answers, openBase, openModel, promptIds } from '../local/model.js';
import { modelArguments } from '../modelArguments.js';

export const generate = defineCommand({
  name: 'generate',
  summary: 'answer a prompt with a base, or with an adapter on it (greedy)',
  args: z.strictObject({
    ...modelArguments,
    maxTokens: flag(z.coerce.number().int().min(1).max(8192).default(128), 'N', 'longest answer, in tokens'),
    raw: toggle('continue the prompt as plain text instead of answering it through the chat template'),
  }),
  async *run({ base: source, adapter, prompt, maxTokens, raw, templateDate }, deps) {
    const model = await openModel(await openBase(source, deps), adapter, deps);
    try {
      const ids = promptIds(model.tokenizer, prompt, raw ? 'text' : 'chat', templateDate);
      const [answer] = await answers(model, [ids], { maxTokens, signal: deps.signal });
      const { text, ids: tokens } = answer!;
      yield { event: 'result', fields: { text, tokens: [...tokens], promptTokens: [...ids] }, lines: text.split('\n') };
    } finally {
      await model.generator.close();
    }
  },
});
