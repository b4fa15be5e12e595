import type { ControllerConfig } from '../api/controllerConfig.js';
import type { FineTuneJob } from '../api/fineTuneJob.js';
import type { V1ResourceRequirements, V1Toleration } from './cluster/kube/objects.js';

/** What an operator decides for every job. */
export interface Settings {
  /** Images, accounts, placement, proxies, as the chart says them. */
  readonly workers: ControllerConfig['workers'];
  readonly networkPolicy: ControllerConfig['networkPolicy'];
  /** Folder of the compiled code in the images. */
  readonly workerCode: string;
  /** For workers and preflights that say nothing themselves. */
  readonly defaultResources: V1ResourceRequirements;
  readonly workerPort: number;
  /** `off` only for measurements: workers are made at once, without a recipe. */
  readonly preflight: 'on' | 'off';
}

export interface SettingsOptions {
  readonly preflight?: 'on' | 'off';
}

export const settingsOf = (
  { workers, networkPolicy }: Pick<ControllerConfig, 'workers' | 'networkPolicy'>,
  { preflight = 'on' }: SettingsOptions = {},
): Settings => ({
  workers,
  networkPolicy,
  workerCode: '/app/dist',
  defaultResources: { requests: { cpu: '250m', memory: '512Mi' } },
  workerPort: 7600,
  preflight,
});

export const imageOf = ({ spec: { workers } }: FineTuneJob, settings: Settings): string =>
  workers.image ?? settings.workers.images[workers.device];

export const tolerationsOf = ({ workers }: Settings): readonly V1Toleration[] =>
  workers.tolerations as readonly V1Toleration[];
