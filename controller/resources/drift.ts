import { canonicalJson } from '../../common/hash.js';
import type { V1Job, V1PodSpec } from '../cluster/kube/objects.js';

/** Labels that the Job controller itself puts on the template. */
const ofTheJobController = /^(batch\.kubernetes\.io\/)?(controller-uid|job-name)$/;

const ownLabels = (labels: Readonly<Record<string, string>> = {}): object =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !ofTheJobController.test(key)));

/** Parts of the template that queues, schedulers and people write; the API server adds nothing to them but what is left out here. */
const parts: Readonly<Record<string, (job: V1Job, spec: V1PodSpec | undefined) => unknown>> = {
  labels: ({ spec }) => ownLabels(spec?.template.metadata?.labels),
  annotations: ({ spec }) => spec?.template.metadata?.annotations ?? {},
  nodeSelector: (_, spec) => spec?.nodeSelector ?? {},
  tolerations: (_, spec) => spec?.tolerations ?? [],
  schedulingGates: (_, spec) => spec?.schedulingGates ?? [],
  schedulerName: (_, spec) => spec?.schedulerName ?? 'default-scheduler',
  image: (_, spec) => spec?.containers[0]?.image ?? '',
};

/**
 * What of the worker Job's pod template is not as it was made: a queue's doing, or this controller now has other settings.
 * It is told and left alone: the template of a running Job cannot be changed, and what a queue writes is its own.
 */
export function driftOf(found: V1Job, made: V1Job): readonly string[] {
  return Object.entries(parts)
    .filter(([, part]) => {
      const [is, was] = [found, made].map((job) => canonicalJson(part(job, job.spec?.template.spec)));
      return is !== was;
    })
    .map(([name]) => name);
}
