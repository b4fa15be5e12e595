import { z } from 'zod';
import { fail } from '../../api/errors.js';
import { kubeconfigArguments, openReader } from '../cluster/source.js';
import { defineCommand, flag, positional, toggle } from '../command.js';
import type { LogLineEvent } from '../events.js';

export const logs = defineCommand({
  name: 'logs',
  summary: "print the logs of a job's pods, by way of the API server",
  args: z.strictObject({
    name: positional(z.string().min(1), 'NAME', 'the FineTuneJob'),
    worker: flag(z.string().min(1).optional(), 'POD', 'only this pod; all of the job when absent'),
    tail: flag(z.coerce.number().int().min(0).default(0), 'LINES', 'only the last lines of each pod; 0 = all'),
    follow: toggle('go on as lines come; with several pods, all at once'),
    ...kubeconfigArguments,
  }),
  async *run({ name, worker, tail, follow, ...flags }, deps) {
    const reader = await openReader(flags, deps);
    try {
      const namespace = flags.namespace ?? reader.namespace;
      const known = await reader.pods({ namespace, name }, deps.signal);
      if (known.length === 0 && !(await reader.get({ namespace, name }, deps.signal)))
        fail('JobUnknown', { namespace, name });
      if (worker !== undefined && !known.includes(worker)) fail('WorkerUnknown', { name, worker, known });
      const pods = worker === undefined ? known : [worker];
      const lines = pods.map((pod) =>
        tagged(pod, reader.log(namespace, pod, { follow, tailLines: tail }, deps.signal)),
      );
      if (follow) yield* together(lines);
      else for (const stream of lines) yield* stream;
      yield { event: 'result', fields: { pods }, lines: pods.length === 0 ? [`${name} has no pods`] : [] };
    } finally {
      reader.close();
    }
  },
});

async function* tagged(worker: string, lines: AsyncIterable<string>): AsyncGenerator<LogLineEvent> {
  for await (const text of lines) yield { event: 'line', worker, text };
}

/** Whichever stream has a line next; ends when all have ended. */
async function* together<T>(streams: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const next = (stream: AsyncGenerator<T>) => stream.next().then((result) => ({ stream, result }));
  const waiting = new Map(streams.map((stream) => [stream, next(stream)]));
  try {
    while (waiting.size > 0) {
      const { stream, result } = await Promise.race(waiting.values());
      if (result.done) waiting.delete(stream);
      else {
        waiting.set(stream, next(stream));
        yield result.value;
      }
    }
  } finally {
    // The other requests end with the command's own signal or with the reader.
    for (const rest of waiting.values()) rest.catch(() => {});
  }
}
