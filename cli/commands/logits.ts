import { resolve } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../common/files.js';
import { encodeSafetensors } from '../../worker/model/safetensors/write.js';
import { defineCommand, flag, toggle } from '../command.js';
import { openBase, openModel, promptIds } from '../local/model.js';
import { modelArguments } from '../modelArguments.js';

export const logits = defineCommand({
  name: 'logits',
  summary: 'write the logits of every position of a prompt to a safetensors file (tensors `logits` and `ids`)',
  args: z.strictObject({
    ...modelArguments,
    out: flag(z.string().min(1), 'F.safetensors', 'file to write'),
    chat: toggle('put the prompt through the chat template first'),
  }),
  async *run({ base: source, adapter, prompt, out, chat, templateDate }, deps) {
    const model = await openModel(await openBase(source, deps), adapter, deps);
    try {
      const ids = promptIds(model.tokenizer, prompt, chat ? 'chat' : 'text', templateDate);
      const values = await model.generator.logits(ids);
      const shape = [ids.length, model.base.spec.vocabSize];
      const bytes = encodeSafetensors({
        metadata: { format: 'pt' },
        tensors: [
          { name: 'ids', dtype: 'I32', shape: [ids.length], data: ids },
          { name: 'logits', dtype: 'F32', shape, data: values },
        ],
      });
      await writeFileAtomically(resolve(deps.workingDirectory, out), bytes);
      yield { event: 'result', fields: { file: out, shape, ids: [...ids] }, lines: [`${out}: logits [${shape}]`] };
    } finally {
      await model.generator.close();
    }
  },
});
