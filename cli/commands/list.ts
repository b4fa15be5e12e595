import { z } from 'zod';
import { table } from '../cluster/present.js';
import { openSource, sourceArguments } from '../cluster/source.js';
import { defineCommand, flag, toggle } from '../command.js';

export const list = defineCommand({
  name: 'list',
  summary: 'list the jobs of a cluster that you may read',
  args: z.strictObject({
    allNamespaces: toggle("of every namespace, not only of the context's"),
    state: flag(
      z.array(z.string().min(1)).default([]),
      'STATE',
      'only jobs in this state, e.g. training; may be repeated',
    ),
    ...sourceArguments,
  }),
  async *run({ allNamespaces, state, ...flags }, deps) {
    await using source = await openSource('list', flags, deps);
    const namespace = allNamespaces ? undefined : (flags.namespace ?? source.namespace);
    const jobs = await source.list({ ...(namespace && { namespace }), states: state });
    const lines = jobs.length === 0 ? ['no jobs'] : table(jobs, deps.clock.now());
    yield { event: 'result', fields: { jobs }, lines };
  },
});
