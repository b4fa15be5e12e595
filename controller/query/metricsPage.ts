import { Gauge, type Registry } from 'prom-client';
import type { JobIndex } from './jobIndex.js';
import type { JobMessage } from './jobs.js';

/** Most jobs whose numbers the page carries: series beyond that would cost more than they tell. */
const mostJobs = 200;

/** One number of each job that trains; undefined = no sample. */
const perJob: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (job: JobMessage) => unknown;
}[] = [
  { name: 'step', help: 'Committed optimizer steps', value: ({ progress }) => progress?.step },
  { name: 'steps', help: 'Optimizer steps in all', value: ({ progress }) => progress?.steps },
  {
    name: 'loss',
    help: 'Mean loss per supervised token of the last step',
    value: ({ progress }) => progress?.last?.loss,
  },
  {
    name: 'evaluation_loss',
    help: 'Loss of the held-out rows, when the last step was evaluated',
    value: ({ progress }) => progress?.last?.evaluationLoss,
  },
  {
    name: 'tokens_per_second',
    help: 'Trained tokens per second over all workers',
    value: ({ progress }) => progress?.last?.tokensPerSecond,
  },
  {
    name: 'remaining_seconds',
    help: 'Expected rest of the training',
    value: ({ progress }) => progress?.remainingSeconds,
  },
  {
    name: 'learning_rate',
    help: 'Learning rate of the last step',
    value: ({ progress }) => progress?.last?.learningRate,
  },
  {
    name: 'gradient_norm',
    help: 'Norm of the gradient of the last step, before clipping',
    value: ({ progress }) => progress?.last?.gradientNorm,
  },
  { name: 'restarts', help: 'Workers that died', value: ({ restarts }) => restarts },
  { name: 'worker_seconds', help: 'Running time of all worker pods', value: ({ cost }) => cost?.workerSeconds },
  {
    name: 'workers',
    help: 'Workers in the current view',
    value: ({ workers }) => workers?.filter(({ joined }) => joined).length,
  },
];

/** What Prometheus reads of jobs, taken from the index when it asks. The controller's own counters share the registry. */
export function registerJobMetrics(registry: Registry, index: JobIndex): void {
  const registers = [registry];
  new Gauge({
    name: 'espalier_jobs',
    help: 'FineTuneJobs by state',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const [state, count] of index.countsByState()) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'espalier_jobs_without_series',
    help: `Jobs that train and are left out of the espalier_job series, of which there are ${mostJobs} at most`,
    registers,
    collect() {
      this.set(Math.max(0, [...index.training()].length - mostJobs));
    },
  });
  for (const { name, help, value } of perJob) {
    new Gauge({
      name: `espalier_job_${name}`,
      help,
      labelNames: ['namespace', 'name'],
      registers,
      collect() {
        this.reset();
        for (const job of [...index.training()].slice(0, mostJobs)) {
          const number = value(job);
          if (number !== undefined) this.set({ namespace: job.namespace, name: job.name }, Number(number));
        }
      },
    });
  }
}
