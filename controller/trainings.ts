import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { WorkerEvent } from '../proto/generated/espalier/v1/WorkerEvent.js';
import type { Tls, Transport } from '../proto/transport.js';
import { type JobKey, type Live, nothingLive } from './cluster/cluster.js';
import type { ProgressPart } from './membership/numbers.js';
import { type ReadyPod, Training } from './membership/training.js';
import type { ViewStore } from './membership/viewStore.js';
import type { Decision } from './reconcile/decide.js';
import { isReady, validJob, type World } from './reconcile/world.js';
import { tokenOf } from './resources/access.js';
import type { Owner } from './resources/names.js';

export interface TrainingsOptions {
  readonly viewStore: (owner: Owner, floor: number) => ViewStore;
  readonly transport: Transport;
  readonly masterKey: string;
  readonly tls?: Tls | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (key: JobKey, pod: string, event: WorkerEvent) => void;
  readonly onChange: (key: JobKey) => void;
}

/** The trainings that run now, by UID of their job. */
export class Trainings {
  readonly #options: TrainingsOptions;
  readonly #running = new Map<string, { readonly key: JobKey; readonly training: Training }>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: TrainingsOptions) {
    this.#options = options;
  }

  live(uid: string): Live {
    return this.#running.get(uid)?.training.live() ?? nothingLive;
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
    entry.training.follow(pods, { replicas, minReplicas });
  }

  release(uid: string, pods: readonly string[]): void {
    this.#running.get(uid)?.training.release(pods);
  }

  /** Numbers of every training, for the progress writer. */
  *progress(): IterableIterator<{ readonly uid: string; readonly key: JobKey; readonly part: ProgressPart }> {
    for (const [uid, { key, training }] of this.#running) {
      const part = training.numbers.part();
      if (part) yield { uid, key, part };
    }
  }

  /** The resource is gone. */
  forget(uid: string): void {
    this.#close(uid);
  }

  async close(): Promise<void> {
    for (const uid of [...this.#running.keys()]) this.#close(uid);
    await Promise.all(this.#closing);
  }

  #begin(key: JobKey, { owner, status, settings }: World) {
    const { viewStore, transport, masterKey, tls, clock, log, onEvent, onChange } = this.#options;
    const training = new Training({
      store: viewStore(owner, status.workers?.view ?? 0),
      transport,
      token: tokenOf(masterKey, owner),
      tls,
      clock,
      log: log.with({ job: `${key.namespace}/${key.name}` }),
      onEvent: (pod, event) => onEvent(key, pod, event),
      onChange: () => onChange(key),
    });
    const entry = { key, training, port: settings.workerPort };
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
