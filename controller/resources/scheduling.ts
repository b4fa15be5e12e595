import type { FineTuneJob } from '../../api/fineTuneJob.js';

export const queueLabel = 'kueue.x-k8s.io/queue-name';
const priorityLabel = 'kueue.x-k8s.io/priority-class';
const schedulerAnnotation = 'espalier.dev/scheduler-name';

/** What makes Kueue take the Job, when the FineTuneJob names a queue. */
export function queueOf({
  metadata,
}: Pick<FineTuneJob, 'metadata'>):
  | { readonly name: string; readonly labels: Record<string, string>; readonly annotations: Record<string, string> }
  | undefined {
  const name = metadata.labels?.[queueLabel];
  if (!name) return undefined;
  const priority = metadata.labels?.[priorityLabel];
  return {
    name,
    labels: { [queueLabel]: name, ...(priority && { [priorityLabel]: priority }) },
    // Without it a changed parallelism would suspend the whole Job. It cannot be added later.
    annotations: { 'kueue.x-k8s.io/elastic-job': 'true' },
  };
}

/** Another scheduler than the cluster's own: Volcano, one with the coscheduling plugin. */
export const schedulerOf = ({ metadata }: Pick<FineTuneJob, 'metadata'>): string | undefined =>
  metadata.annotations?.[schedulerAnnotation];

/** Group names and the like, by which such schedulers know the pods that belong together. */
const passedOn = [/^scheduling\.k8s\.io\//, /^scheduling\.volcano\.sh\//, /^volcano\.sh\//, /^scheduling\.x-k8s\.io\//];

export function passedToPods({ metadata }: Pick<FineTuneJob, 'metadata'>): {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
} {
  const chosen = (all: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(all).filter(([key]) => passedOn.some((prefix) => prefix.test(key))));
  return { labels: chosen(metadata.labels), annotations: chosen(metadata.annotations) };
}
