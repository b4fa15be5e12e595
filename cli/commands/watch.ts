import { z } from 'zod';
import { stateEvent } from '../cluster/present.js';
import { openSource, sourceArguments } from '../cluster/source.js';
import { defineCommand, positional, toggle } from '../command.js';

export const watch = defineCommand({
  name: 'watch',
  summary: 'tell each change of a job, or of all jobs, until interrupted',
  args: z.strictObject({
    name: positional(z.string().min(1).optional(), 'NAME', 'only this FineTuneJob'),
    allNamespaces: toggle("of every namespace, not only of the context's"),
    ...sourceArguments,
  }),
  async *run({ name, allNamespaces, ...flags }, deps) {
    await using source = await openSource('watch', flags, deps);
    const namespace = allNamespaces ? undefined : (flags.namespace ?? source.namespace);
    const filter = { ...(namespace && { namespace }), ...(name && { name }) };
    for await (const change of source.changes(filter, deps.signal))
      if (change.kind !== 'SYNCED') yield stateEvent(change.kind, change.job);
  },
});
