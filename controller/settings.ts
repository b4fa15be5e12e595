import type { ControllerConfig } from '../api/controllerConfig.js';
import type { FineTuneJob } from '../api/fineTuneJob.js';
import type { V1ResourceRequirements, V1Toleration } from './cluster/kube/objects.js';

/** What an operator decides for every job. */
export interface Settings {
  /** Images, accounts, placement, proxies, as the chart says them. */
  readonly workers: ControllerConfig['workers'];
  readonly networkPolicy: ControllerConfig['networkPolicy'];
  /** Folder of the programs in the images. */
  readonly programFolder: string;
  /** For workers and preflights that say nothing themselves. */
  readonly defaultResources: V1ResourceRequirements;
  readonly workerPort: number;
  readonly identity: WorkerIdentity;
  /** `off` only for measurements: workers are made at once, without a recipe. */
  readonly preflight: 'on' | 'off';
}

/** Workers prove who they are with tokens of this audience; the API server itself accepts none of them. */
export const workerAudience = 'espalier';

/** How worker pods get their certificates. */
export interface WorkerIdentity {
  /** `host:port` of the controller's gRPC server. */
  readonly address: string;
  /** PEM of whose certificates workers accept from each other and from the controller. */
  readonly authority: string;
  /** PEM of who vouches for the server at `address`; undefined = one of the authorities that every system knows. */
  readonly controllerAuthority: string | undefined;
}

export interface SettingsOptions {
  readonly preflight?: 'on' | 'off';
  readonly identity: WorkerIdentity;
}

export const settingsOf = (
  { workers, networkPolicy }: Pick<ControllerConfig, 'workers' | 'networkPolicy'>,
  { preflight = 'on', identity }: SettingsOptions,
): Settings => ({
  workers,
  networkPolicy,
  programFolder: '/app/dist/bin',
  defaultResources: { requests: { cpu: '250m', memory: '512Mi' } },
  workerPort: 7600,
  identity,
  preflight,
});

export const imageOf = ({ spec: { workers } }: FineTuneJob, settings: Settings): string =>
  workers.image ?? settings.workers.images[workers.device];

export const tolerationsOf = ({ workers }: Settings): readonly V1Toleration[] =>
  workers.tolerations as readonly V1Toleration[];
