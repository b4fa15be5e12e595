import type { View } from '../../elastic/view.js';
import type {
  CoreV1Event,
  FineTuneJobObject,
  KubernetesObject,
  V1ConfigMap,
  V1Job,
  V1NetworkPolicy,
  V1Pod,
  V1PodDisruptionBudget,
} from './kube/objects.js';

export interface JobKey {
  readonly namespace: string;
  readonly name: string;
}

/** A job and everything of its name that carries our labels, as of one moment. */
export interface Observed {
  readonly job: FineTuneJobObject;
  /** Children of any kind, owned by this job or by an earlier one of its name. */
  readonly configMaps: readonly V1ConfigMap[];
  readonly pods: readonly V1Pod[];
  readonly jobs: readonly V1Job[];
  readonly disruptionBudget: V1PodDisruptionBudget | undefined;
  readonly networkPolicy: V1NetworkPolicy | undefined;
  /** Whom pods trust: of the whole namespace, and nobody's child. */
  readonly trust: V1ConfigMap | undefined;
  /** Warnings that Kubernetes tells of children: FailedCreate, FailedMount. */
  readonly warnings: readonly CoreV1Event[];
  /** What the queue says of the newest worker Job; undefined = there is no queue to ask. */
  readonly admission: Admission | undefined;
}

export type Admission =
  | { readonly known: false }
  | { readonly known: true; readonly message: string; readonly isQueueMissing: boolean };

/** One thing to do. Names are of the job's namespace. */
export type Change =
  | { readonly kind: 'create'; readonly object: ChildObject }
  /** Both numbers at once, onto the version that was read: a queue may have changed them meanwhile. */
  | { readonly kind: 'scale'; readonly name: string; readonly replicas: number; readonly resourceVersion: string }
  | { readonly kind: 'suspend'; readonly name: string; readonly suspend: boolean; readonly resourceVersion: string }
  /** For good: no pod of this Job is made any more. */
  | { readonly kind: 'end'; readonly name: string; readonly resourceVersion: string }
  | { readonly kind: 'apply'; readonly object: ChildObject }
  | { readonly kind: 'remove'; readonly of: 'Job' | 'FineTuneJob'; readonly name: string; readonly uid: string }
  /** These pods shall hand over and leave, before their number is taken away. */
  | { readonly kind: 'release'; readonly pods: readonly string[] };

export type ChildObject = KubernetesObject & { readonly kind?: string };

/** `done`; `taken`: an object of this name belongs to somebody else; `stale`: it changed since it was read. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'taken'; readonly of: string; readonly name: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string };

export interface JobEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What workers have told of one job; lost with the controller, and told again after its restart. */
export interface Live {
  readonly view: View | undefined;
  readonly formed: boolean;
  /** When a step was committed last, by the clock of the worker that told it. */
  readonly committedAtMs?: number | undefined;
  /** How the machines of the first worker that was heard compute. */
  readonly numerics?: { readonly fingerprint: string; readonly machine: string } | undefined;
  readonly published?: { readonly url: string; readonly adapterSha256: string } | undefined;
  /** By pod UID: when a worker said something last, by its clock. */
  readonly heardAtMs?: ReadonlyMap<string, number>;
  /** Pods that were asked to leave, and when. */
  readonly releasing: ReadonlyMap<string, number>;
}

export const nothingLive: Live = { view: undefined, formed: false, releasing: new Map() };

/** Where jobs live. Every call ends with its signal. */
export interface Cluster {
  observe(key: JobKey, signal: AbortSignal): Promise<Observed | undefined>;
  perform(key: JobKey, uid: string, change: Change, signal: AbortSignal): Promise<Outcome>;
  /** RFC 7386, of the status of the job as it was observed; `stale` if it has changed since. */
  patchStatus(job: FineTuneJobObject, status: object, signal: AbortSignal): Promise<Outcome>;
  emit(job: FineTuneJobObject, events: readonly JobEvent[], signal: AbortSignal): Promise<void>;
}
