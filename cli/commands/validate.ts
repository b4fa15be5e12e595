import { z } from 'zod';
import { defineCommand } from '../command.js';
import { jobArguments, loadJob } from '../loadJob.js';

export const validate = defineCommand({
  name: 'validate',
  summary: 'check a job with its base and data without training: data report, recipe, memory',
  args: z.strictObject(jobArguments),
  async *run(args, deps) {
    const { job, context } = await loadJob(deps, args);
    yield* deps.prepare(job, context);
    yield {
      event: 'result',
      fields: { valid: true, name: job.metadata.name, job },
      lines: [`the job ${job.metadata.name} is valid`],
    };
  },
});
