import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { ClientTls, Transport } from '../../proto/transport.js';
import type { Live } from '../cluster/cluster.js';
import { Numbers } from './numbers.js';
import { type Oracle, openOracle } from './oracle.js';
import type { ViewStore } from './viewStore.js';

/** A worker pod that answers. */
export interface ReadyPod {
  readonly uid: string;
  /** `host:port`. */
  readonly address: string;
}

export interface TrainingOptions {
  readonly store: ViewStore;
  readonly transport: Transport;
  readonly token: string;
  readonly tls?: ((pod: string) => ClientTls) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (pod: string, event: WorkerEvent) => void;
  /** Something changed that a decision may depend on. */
  readonly onChange: () => void;
}

/** How many workers the first view waits for. */
export interface Wanted {
  readonly replicas: number;
  readonly minReplicas: number;
}

/** Enough workers are there, but not all: the first view waits this much longer for the rest. */
const patienceMs = 15_000;

/** Membership of one job: pods come and go, views follow. Work is done one after the other, in the background. */
export class Training {
  readonly #options: TrainingOptions;
  readonly #numbers = new Numbers();
  readonly #registered = new Set<string>();
  readonly #releasing = new Map<string, number>();
  readonly #heardAtMs = new Map<string, number>();
  readonly #stop = new AbortController();
  #oracle: Oracle | undefined;
  #formed = false;
  #enoughSinceMs: number | undefined;
  #published: Live['published'];
  #numerics: Live['numerics'];
  #working: Promise<void> = Promise.resolve();
  /** What was seen last, until it is followed. */
  #next: { readonly pods: readonly ReadyPod[]; readonly wanted: Wanted } | undefined;
  /** The first view waits for these pods. */
  #forming: { readonly pods: readonly ReadyPod[]; readonly others: AbortController } | undefined;

  constructor(options: TrainingOptions) {
    this.#options = options;
  }

  get numbers(): Numbers {
    return this.#numbers;
  }

  live(): Live {
    return {
      view: this.#formed ? this.#oracle?.view : undefined,
      formed: this.#formed,
      committedAtMs: this.#numbers.committedAtMs,
      published: this.#published,
      numerics: this.#numerics,
      releasing: this.#releasing,
      heardAtMs: this.#heardAtMs,
    };
  }

  /** The pods that are ready now. Answers at once. */
  follow(pods: readonly ReadyPod[], wanted: Wanted): void {
    const isQueued = this.#next !== undefined;
    this.#next = { pods, wanted };
    // Whoever is gone would be waited for for ever.
    if (this.#forming && idsOf(this.#forming.pods) !== idsOf(pods)) this.#forming.others.abort();
    if (!isQueued) this.#later(() => this.#followNext());
  }

  async #followNext(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    if (next) await this.#follow(next.pods, next.wanted);
  }

  release(pods: readonly string[]): void {
    for (const pod of pods) this.#releasing.set(pod, this.#options.clock.now());
    this.#later(async () => {
      for (const pod of pods)
        if (this.#registered.has(pod))
          await this.#oracle?.stop(pod, 'fewer workers are wanted').catch((error: unknown) => {
            this.#options.log.warn('a worker could not be asked to leave', { pod, error: String(error) });
          });
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#working;
    await this.#oracle?.close();
  }

  async #follow(pods: readonly ReadyPod[], wanted: Wanted): Promise<void> {
    this.#oracle ??= await this.#open();
    const present = new Set(pods.map(({ uid }) => uid));
    for (const uid of [...this.#registered].filter((known) => !present.has(known))) {
      this.#registered.delete(uid);
      this.#releasing.delete(uid);
      this.#heardAtMs.delete(uid);
      await this.#oracle.forget(uid);
    }
    if (!this.#formed) await this.#form(pods, wanted);
    if (this.#formed) for (const pod of pods) this.#register(pod);
  }

  /**
   * Workers of a view that an earlier controller wrote go on as they are: only its members are taken into the first view of
   * this one, whoever is new asks to be admitted. Without such workers all begin together, from one checkpoint.
   */
  async #form(pods: readonly ReadyPod[], { replicas, minReplicas }: Wanted): Promise<void> {
    const { clock } = this.#options;
    const earlier = new Set(this.#oracle?.view?.members.filter(({ joined }) => joined).map(({ id }) => id));
    const training = pods.filter(({ uid }) => earlier.has(uid));
    if (training.length === 0 && pods.length < Math.min(minReplicas, replicas)) {
      this.#enoughSinceMs = undefined;
      return;
    }
    if (training.length === 0 && pods.length < replicas) {
      this.#enoughSinceMs ??= clock.monotonic();
      const leftMs = this.#enoughSinceMs + patienceMs - clock.monotonic();
      if (leftMs > 0) {
        // Looked at again then; the pods may be others by that time.
        void clock.sleep(leftMs, this.#stop.signal).then(this.#options.onChange, () => {});
        return;
      }
    }
    for (const pod of training.length > 0 ? training : pods) this.#register(pod);
    const others = new AbortController();
    this.#forming = { pods, others };
    try {
      await this.#oracle!.form(AbortSignal.any([this.#stop.signal, others.signal]));
    } catch (error) {
      // The pods are others now, and are followed next.
      if (others.signal.aborted) return;
      throw error;
    } finally {
      this.#forming = undefined;
    }
    this.#formed = true;
    this.#options.onChange();
  }

  #register({ uid, address }: ReadyPod): void {
    if (this.#registered.has(uid)) return;
    this.#registered.add(uid);
    this.#oracle!.register({ id: uid, address });
  }

  #open(): Promise<Oracle> {
    const { store, transport, token, tls, clock, log, onChange } = this.#options;
    return openOracle({
      store,
      transport,
      token,
      ...(tls && { tls }),
      clock,
      log,
      onEvent: (pod, event) => this.#heard(pod, event),
      onView: onChange,
    });
  }

  #heard(pod: string, event: WorkerEvent): void {
    const { onEvent, onChange } = this.#options;
    this.#heardAtMs.set(pod, Math.max(event.timeMs, this.#heardAtMs.get(pod) ?? 0));
    this.#numbers.observe(event);
    onEvent(pod, event);
    if (event.numerics && !this.#numerics) {
      const { fingerprint, machine } = event.numerics;
      this.#numerics = { fingerprint, machine };
      onChange();
    }
    if (event.artifact) {
      this.#published = { url: event.artifact.url, adapterSha256: event.artifact.adapterSha256 };
      onChange();
    }
  }

  #later(work: () => Promise<void>): void {
    this.#working = this.#working.then(work).catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      this.#options.log.warn('membership is looked at again', { error: String(error) });
      void this.#options.clock.sleep(2000, this.#stop.signal).then(this.#options.onChange, () => {});
    });
  }
}

const idsOf = (pods: readonly ReadyPod[]): string =>
  pods
    .map(({ uid }) => uid)
    .sort()
    .join();
