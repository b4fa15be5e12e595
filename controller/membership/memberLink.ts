import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Member, View } from '../../elastic/view.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { CallOptions, Client, Connection } from '../../proto/transport.js';

export interface MemberLinkOptions {
  readonly member: Pick<Member, 'id' | 'address'>;
  readonly connect: () => Connection;
  /** Throws while nobody listens there: asked before each connection is made. */
  readonly reach?: ((options: CallOptions) => Promise<void>) | undefined;
  readonly view: () => View | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** It answers (again). */
  readonly onAppeared: () => void;
  /** Its connection closed and could not be made again, or it has been silent for too long. */
  readonly onLost: (why: string) => void;
  readonly onEvent: (event: WorkerEvent) => void;
}

const pulseMs = 1000;
const silenceMs = 10_000;
const callTimeoutMs = 3000;
/** Pauses between tries double up to this: for one that never answered, and for one that did. */
const mostPauseMs = { unknown: 15_000, lost: 5_000 } as const;

/** The oracle's way to one worker: tells it the view, again and again, and hears its events. */
export class MemberLink {
  readonly #options: MemberLinkOptions;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;
  /** None while it does not answer: gRPC would go on dialling by itself, and thousands of dead addresses cost memory. */
  #open: { readonly connection: Connection; readonly worker: Client<'Worker'> } | undefined;
  #heardAtMs: number;
  #present = false;
  #answeredEver = false;
  #failures = 0;
  /** In a row, while it is not present. */
  #misses = 0;
  #wake = () => {};
  #tellPresent = () => {};

  constructor(options: MemberLinkOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonic();
    this.#done = Promise.all([this.#pulse(), this.#watch()]);
  }

  /** The view has changed: tell it now. */
  publish(): void {
    this.#wake();
  }

  async stop(reason: string): Promise<void> {
    await this.#worker().stop({ reason }, { signal: this.#stop.signal, timeoutMs: callTimeoutMs });
  }

  async close(): Promise<void> {
    this.#stop.abort(new DOMException('the link is closed', 'AbortError'));
    this.#wake();
    this.#tellPresent();
    await this.#done;
    this.#hangUp();
  }

  #worker(): Client<'Worker'> {
    if (this.#open) return this.#open.worker;
    const connection = this.#options.connect();
    this.#open = { connection, worker: connection.client('Worker') };
    return this.#open.worker;
  }

  #hangUp(): void {
    this.#open?.connection.close();
    this.#open = undefined;
  }

  async #pulse(): Promise<void> {
    const { clock, view, reach } = this.#options;
    while (!this.#stop.signal.aborted) {
      const current = view();
      const message = current && { number: current.number, members: current.members.map((member) => ({ ...member })) };
      try {
        const options = { signal: this.#stop.signal, timeoutMs: callTimeoutMs };
        if (!this.#open) await reach?.(options);
        await this.#worker().setView(message ? { view: message } : {}, options);
        this.#heard();
      } catch (error) {
        if (!this.#stop.signal.aborted) this.#missed(error);
      }
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const timer = new AbortController();
      // A view that changed while it was being told is told at once.
      if (view()?.number === current?.number)
        await Promise.race([
          woken,
          clock.sleep(this.#pauseMs(), AbortSignal.any([timer.signal, this.#stop.signal])).catch(() => {}),
        ]);
      timer.abort('woken');
    }
  }

  #pauseMs(): number {
    if (this.#present || this.#misses === 0) return pulseMs;
    const mostMs = this.#answeredEver ? mostPauseMs.lost : mostPauseMs.unknown;
    return Math.min(mostMs, pulseMs * 2 ** Math.min(this.#misses - 1, 10));
  }

  #heard(): void {
    this.#heardAtMs = this.#options.clock.monotonic();
    this.#failures = 0;
    this.#misses = 0;
    if (this.#present) return;
    this.#present = true;
    this.#answeredEver = true;
    this.#tellPresent();
    this.#options.onAppeared();
  }

  /** A refused connection twice in a row is an end; a slow answer is one only after a long silence. */
  #missed(error: unknown): void {
    const { clock, log, member, onLost } = this.#options;
    const refused = error instanceof Error && error.name === 'PeerUnreachable';
    this.#failures = refused ? this.#failures + 1 : 0;
    const silentMs = clock.monotonic() - this.#heardAtMs;
    log.debug('a member did not answer', {
      id: member.id,
      error: error instanceof Error ? error.message : String(error),
    });
    if (this.#present && this.#failures < 2 && silentMs < silenceMs) return;
    this.#misses += 1;
    this.#hangUp();
    if (!this.#present) return;
    this.#present = false;
    onLost(refused ? 'its connection is closed' : `silent for ${Math.round(silentMs / 1000)} s`);
  }

  async #watch(): Promise<void> {
    const { clock, onEvent } = this.#options;
    let afterSequence = 0;
    while (!this.#stop.signal.aborted) {
      if (!this.#present) {
        await new Promise<void>((resolve) => {
          this.#tellPresent = resolve;
        });
        continue;
      }
      try {
        for await (const event of this.#worker().watchEvents({ afterSequence }, { signal: this.#stop.signal })) {
          afterSequence = event.sequence;
          onEvent(event);
        }
      } catch {
        // The pulse decides what a broken connection means.
      }
      // A closed stream is looked into at once: it is how an end is noticed first.
      this.#wake();
      await clock.sleep(pulseMs / 4, this.#stop.signal).catch(() => {});
    }
  }
}
