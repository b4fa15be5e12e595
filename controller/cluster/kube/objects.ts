import type { KubernetesObject, V1ObjectMeta } from '@kubernetes/client-node';
import type { FineTuneJobInput } from '../../../api/fineTuneJob.js';
import type { FineTuneJobStatus } from '../../../api/sections/status.js';

// The Kubernetes client has its one home in this folder; the types of its objects go out from here.
export type {
  CoreV1Event,
  KubernetesObject,
  V1Affinity,
  V1ConfigMap,
  V1Container,
  V1ContainerStatus,
  V1EnvVar,
  V1Job,
  V1JobSpec,
  V1LabelSelector,
  V1Lease,
  V1NetworkPolicy,
  V1ObjectMeta,
  V1OwnerReference,
  V1Pod,
  V1PodDisruptionBudget,
  V1PodSpec,
  V1ResourceRequirements,
  V1Secret,
  V1SecurityContext,
  V1Toleration,
  V1Volume,
  V1VolumeMount,
} from '@kubernetes/client-node';

/** A FineTuneJob as the API server hands it out: its spec as the user wrote it, with what the CRD fills in. */
export interface FineTuneJobObject extends KubernetesObject {
  readonly metadata?: V1ObjectMeta;
  readonly spec?: FineTuneJobInput['spec'];
  readonly status?: FineTuneJobStatus;
}
