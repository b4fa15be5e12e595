import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { V1EnvVar, V1Pod } from '../cluster/kube/objects.js';
import { cpusOf } from '../membership/workerTime.js';
import type { Settings } from '../settings.js';
import { childNames, labels, metadataOf, type Owner } from './names.js';
import { credentials, meshOff, podSpec } from './podParts.js';
import { resourcesOf } from './workerJob.js';

export const tryAnnotation = 'espalier.dev/try';

/** Compiles the recipe with the job's own credentials and no GPU, so that the controller never reads a user's Secret. */
export function preflightPod(owner: Owner, job: FineTuneJob, tries: number, settings: Settings): V1Pod {
  const metadata = metadataOf(owner, childNames.preflight(owner.name, tries), 'preflight');
  const { output } = job.spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...meshOff.labels },
      annotations: { ...meshOff.annotations, [tryAnnotation]: String(tries) },
    },
    spec: podSpec(
      { job, settings, entry: 'preflight' },
      {
        resources: settings.defaultResources,
        env: [...credentials(job, output.connection), ...workerLimits(job, settings)],
      },
    ),
  };
}

/** What worker pods will have, so that the preflight says before they start that it is too little. */
function workerLimits(job: FineTuneJob, settings: Settings): V1EnvVar[] {
  const { limits } = resourcesOf(job, settings);
  return [
    ...(limits?.cpu ? [{ name: 'ESPALIER_WORKER_CPUS', value: String(cpusOf(limits.cpu)) }] : []),
    ...(limits?.memory ? [{ name: 'ESPALIER_WORKER_MEMORY', value: limits.memory }] : []),
  ];
}

export const triesOf = ({ metadata }: V1Pod): number => Number(metadata?.annotations?.[tryAnnotation] ?? 0);
export const isPreflight = ({ metadata }: V1Pod): boolean => metadata?.labels?.[labels.role] === 'preflight';
