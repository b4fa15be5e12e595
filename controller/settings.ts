import type { V1ResourceRequirements, V1Toleration } from './cluster/kube/objects.js';

/** What an operator decides for every job; read once at the start (`config.ts`). */
export interface Settings {
  /** Workers and preflights run this image unless a job names its own. */
  readonly workerImage: string;
  /** Folder of the compiled code in the image. */
  readonly workerCode: string;
  readonly imagePullSecrets: readonly string[];
  /** Account of the pods of a job; its token is never mounted. */
  readonly serviceAccountName: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly V1Toleration[];
  /** For workers and preflights that say nothing themselves. */
  readonly defaultResources: V1ResourceRequirements;
  /** Proxies, mirrors, CA bundle: handed to every pod of a job. */
  readonly podEnvironment: Readonly<Record<string, string>>;
  readonly workerPort: number;
  /** Pods that may reach the workers beside those of the same job: the controller's. */
  readonly controllerPods: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
  /** `off` only for measurements: workers are made at once, without a recipe. */
  readonly preflight: 'on' | 'off';
  readonly networkPolicy: boolean;
}
