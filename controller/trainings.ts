import { podUri } from '../api/podIdentity.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { WorkerEvent } from '../proto/generated/espalier/v1/WorkerEvent.js';
import type { CertificateSource, Transport } from '../proto/transport.js';
import { type JobKey, type Live, nothingLive } from './cluster/cluster.js';
import type { ProgressPart } from './membership/numbers.js';
import { type ReadyPod, Training } from './membership/training.js';
import type { ViewStore } from './membership/viewStore.js';
import { accrue, costOf, type Estimate, type Span, type WorkerSize, type WorkerTime } from './membership/workerTime.js';
import type { WorkerLine } from './reconcile/about.js';
import type { Decision } from './reconcile/decide.js';
import { membersOf } from './reconcile/settle.js';
import { isReady, timeMs, validJob, type World } from './reconcile/world.js';
import { tokenOf } from './resources/access.js';
import type { Owner } from './resources/names.js';
import { sizeOf } from './resources/workerJob.js';

export interface TrainingsOptions {
  readonly viewStore: (owner: Owner, floor: number) => ViewStore;
  readonly transport: Transport;
  readonly masterKey: string;
  /** What the controller shows to workers. Absent: in plain text, as on one machine. */
  readonly certificates?: CertificateSource | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (key: JobKey, pod: string, event: WorkerEvent) => void;
  readonly onChange: (key: JobKey) => void;
  /** Workers begin, or begin again from a checkpoint: steps may be told a second time. */
  readonly onBegin: (key: JobKey) => void;
}

/** Where one training stands, for the progress writer. */
export interface Standing {
  readonly uid: string;
  readonly key: JobKey;
  readonly part: ProgressPart;
  readonly workers: readonly WorkerLine[];
  /** No other follows: it is written even if the last was written just now. */
  readonly isFinal: boolean;
}

interface Entry {
  readonly key: JobKey;
  readonly training: Training;
  readonly size: WorkerSize;
  time: WorkerTime;
  spans: readonly Span[];
  estimate: Estimate | undefined;
  workers: readonly WorkerLine[];
}

/** Steps after which the whole is estimated: the first ones are slower. */
const estimateAfterSteps = 3;

/** The trainings that run now, by UID of their job. */
export class Trainings {
  readonly #options: TrainingsOptions;
  readonly #running = new Map<string, Entry>();
  /** Of trainings that have ended, until they are written. */
  readonly #final = new Map<string, Standing>();
  readonly #closing = new Set<Promise<void>>();
  /** Last steps of trainings that ended, by UID: deaths are counted from there, whether or not the status tells it yet. */
  readonly #committedAtMs = new Map<string, number>();

  constructor(options: TrainingsOptions) {
    this.#options = options;
  }

  live(uid: string): Live {
    const live = this.#running.get(uid)?.training.live() ?? nothingLive;
    return { ...live, committedAtMs: live.committedAtMs ?? this.#committedAtMs.get(uid) };
  }

  /** Membership follows what was seen and decided. */
  follow(world: World, decision: Decision): void {
    const { uid } = world.owner;
    const pods = decision.kind === 'train' || decision.kind === 'scale' ? readyPods(world) : undefined;
    if (!pods) this.#end(uid, decision);
    else if (pods.length > 0 || this.#running.has(uid)) this.#train(world, pods);
  }

  #train(world: World, pods: readonly ReadyPod[]): void {
    const { uid, namespace, name } = world.owner;
    const { replicas, minReplicas } = validJob(world)!.spec.workers;
    const entry = this.#running.get(uid) ?? this.#begin({ namespace, name }, world);
    entry.time = accrue(entry.time, entry.spans, world.nowMs);
    entry.spans = spansOf(world);
    entry.workers = membersOf(world);
    entry.training.follow(pods, { replicas, minReplicas });
  }

  release(uid: string, pods: readonly string[]): void {
    this.#running.get(uid)?.training.release(pods);
  }

  /** Numbers of every training, for the progress writer. */
  *progress(): IterableIterator<Standing> {
    for (const [uid, entry] of this.#running) {
      const standing = this.#standing(uid, entry);
      if (standing) yield standing;
    }
    yield* this.#final.values();
  }

  /** Its last words are in the status. */
  written({ uid, isFinal }: Standing): void {
    if (isFinal) this.#final.delete(uid);
  }

  #standing(uid: string, entry: Entry, isFinal = false): Standing | undefined {
    const { key, training, size } = entry;
    const part = training.numbers.part();
    if (!part) return undefined;
    entry.time = accrue(entry.time, entry.spans, this.#options.clock.now());
    const { step = 0, steps = 0, etaSeconds = 0 } = part.progress ?? {};
    if (!entry.estimate && step >= Math.min(estimateAfterSteps, steps)) {
      const members = Math.max(1, training.live().view?.members.length ?? 1);
      entry.estimate = { workerSeconds: entry.time.seconds + etaSeconds * members, atStep: step };
    }
    const cost = costOf(entry.time, entry.estimate, size);
    const heard = training.live().heardAtMs;
    const workers = entry.workers.map((worker) => ({
      ...worker,
      heardAtMs: heard?.get(worker.uid) ?? worker.heardAtMs,
    }));
    return { uid, key, part: { ...part, cost, summary: { ...part.summary, cost: cost.total } }, workers, isFinal };
  }

  /** The resource is gone. */
  forget(uid: string): void {
    this.#close(uid);
    this.#final.delete(uid);
    this.#committedAtMs.delete(uid);
  }

  async close(): Promise<void> {
    for (const uid of [...this.#running.keys()]) this.#close(uid);
    await Promise.all(this.#closing);
  }

  #begin(key: JobKey, world: World): Entry {
    const { owner, status } = world;
    const { cost } = status;
    const { viewStore, transport, masterKey, certificates, clock, log, onEvent, onChange, onBegin } = this.#options;
    const identity = { namespace: owner.namespace, job: owner.name, jobUid: owner.uid };
    const training = new Training({
      store: viewStore(owner, status.workers?.view ?? 0),
      transport,
      token: tokenOf(masterKey, owner),
      // At this address may be somebody else by now: only the pod that was seen there is spoken to.
      tls: certificates && ((podUid) => ({ certificates, trusts: (uri) => uri === podUri({ ...identity, podUid }) })),
      clock,
      log: log.with({ job: `${key.namespace}/${key.name}` }),
      onEvent: (pod, event) => onEvent(key, pod, event),
      onChange: () => onChange(key),
    });
    const { estimatedWorkerSeconds, estimatedAtStep = 0 } = cost ?? {};
    const entry: Entry = {
      key,
      training,
      size: sizeOf(validJob(world)!, world.settings),
      time: { seconds: cost?.workerSeconds ?? 0, atMs: timeMs(cost?.time) },
      spans: [],
      estimate:
        estimatedWorkerSeconds === undefined
          ? undefined
          : { workerSeconds: estimatedWorkerSeconds, atStep: estimatedAtStep },
      workers: [],
    };
    onBegin(key);
    this.#final.delete(owner.uid);
    this.#running.set(owner.uid, entry);
    return entry;
  }

  /** Between attempts and while a preflight is looked at again workers may still run; at an end nobody is left to hear. */
  #end(uid: string, { kind }: Decision): void {
    if (['rest', 'leave', 'remove', 'fail', 'suspend', 'retry'].includes(kind)) this.#close(uid);
  }

  #close(uid: string): void {
    const entry = this.#running.get(uid);
    if (!entry) return;
    this.#running.delete(uid);
    const { committedAtMs } = entry.training.live();
    if (committedAtMs !== undefined) this.#committedAtMs.set(uid, committedAtMs);
    const last = this.#standing(uid, entry, true);
    if (last) this.#final.set(uid, last);
    const closing = entry.training.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

const readyPods = ({ workerPods, settings }: World): readonly ReadyPod[] =>
  workerPods.filter(isReady).flatMap(({ metadata, status }) => {
    const ip = status?.podIP ?? '';
    const host = ip.includes(':') ? `[${ip}]` : ip;
    return ip === '' ? [] : [{ uid: metadata?.uid ?? '', address: `${host}:${settings.workerPort}` }];
  });

/** When the containers of the workers ran, as Kubernetes tells it. */
const spansOf = ({ workerPods }: World): readonly Span[] =>
  workerPods.flatMap(({ status }) => {
    const { running, terminated } = status?.containerStatuses?.[0]?.state ?? {};
    if (running?.startedAt) return [{ startedAtMs: timeMs(running.startedAt) }];
    if (!terminated?.startedAt) return [];
    return [{ startedAtMs: timeMs(terminated.startedAt), endedAtMs: timeMs(terminated.finishedAt) }];
  });
