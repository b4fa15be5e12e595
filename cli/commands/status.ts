import { z } from 'zod';
import { statusLines } from '../cluster/present.js';
import { namespaceOf, openSource, sourceArguments } from '../cluster/source.js';
import { defineCommand, positional } from '../command.js';

export const status = defineCommand({
  name: 'status',
  summary: 'tell how a job in a cluster does: state and reason, progress, workers, checkpoints, artifacts, events',
  args: z.strictObject({
    name: positional(z.string().min(1), 'NAME', 'the FineTuneJob'),
    ...sourceArguments,
  }),
  async *run({ name, ...flags }, deps) {
    await using source = await openSource('status', flags, deps);
    const job = await source.get({ namespace: namespaceOf('status', flags, source), name });
    yield { event: 'result', fields: { job }, lines: [`${job.namespace}/${job.name}`, ...statusLines(job)] };
  },
});
