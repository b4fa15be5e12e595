import { EspalierError } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Outcome, PieceKey } from '../../elastic/event.js';
import type { Status } from '../../elastic/status.js';
import type { HelloInput } from '../../proto/generated/espalier/v1/Hello.js';
import type { LinkRequestInput } from '../../proto/generated/espalier/v1/LinkRequest.js';
import type { Client, Connection } from '../../proto/transport.js';
import type { Buffers } from './buffers.js';
import type { Piece } from './cache.js';
import { collectPiece, collectState, pieceChunks, type ReceivedPiece } from './chunks.js';

export interface PeerOptions {
  readonly id: string;
  readonly self: string;
  readonly connection: Connection;
  readonly hello: () => HelloInput;
  readonly buffers: Buffers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onUp: () => void;
  /** The link closed and could not be made again at once. */
  readonly onDown: () => void;
  /** The two can never work together. */
  readonly onMismatch: (error: EspalierError) => void;
  readonly onSent: (sizeBytes: number) => void;
  readonly onReceived: (sizeBytes: number) => void;
}

/** What no further try can mend. */
const mismatches = ['HandshakeMismatch', 'TokenRejected', 'CertificateRejected'] as const;
const pieceTimeoutMs = 30_000;
const stateTimeoutMs = 300_000;

/** The way to one other worker: a link for statuses, kept open, and calls for bytes. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #client: Client<'Exchange'>;
  readonly #stop = new AbortController();
  readonly #linked: Promise<void>;
  #next: Status | undefined;
  #closing = false;
  #wake = () => {};

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#client = options.connection.client('Exchange');
    this.#linked = this.#keepLinked();
  }

  /** Only the latest status counts: one that was not sent yet is replaced. */
  tell(status: Status): void {
    this.#next = status;
    this.#wake();
  }

  async offer(key: PieceKey, piece: Piece): Promise<Outcome> {
    const { self, onSent } = this.#options;
    using _ = piece.lend();
    try {
      const chunks = pieceChunks(self, key, piece, onSent);
      const { outcome } = await this.#client.offer(chunks, { signal: this.#stop.signal, timeoutMs: pieceTimeoutMs });
      return outcome === 'UNKNOWN' ? 'failed' : (outcome.toLowerCase() as Outcome);
    } catch (error) {
      this.#report('a piece could not be sent', error);
      return 'failed';
    }
  }

  /** Undefined when it cannot be had from there. */
  async fetch(key: PieceKey, floats: number): Promise<ReceivedPiece | undefined> {
    try {
      const chunks = this.#client.fetch(key, { signal: this.#stop.signal, timeoutMs: pieceTimeoutMs });
      const { buffers, onReceived } = this.#options;
      return await collectPiece(chunks, { floats: () => floats, useful: () => true, buffers, onReceived });
    } catch (error) {
      this.#report('a piece could not be fetched', error);
      return undefined;
    }
  }

  async fetchState(afterStep: number): Promise<{ step: number; bytes: Uint8Array } | undefined> {
    try {
      const options = { signal: this.#stop.signal, timeoutMs: stateTimeoutMs };
      const chunks = this.#client.fetchState({ afterStep }, options);
      return await collectState(this.#options.id, chunks, this.#options.onReceived);
    } catch (error) {
      this.#report('the state could not be fetched', error);
      return undefined;
    }
  }

  /** Ends the link after the last status has gone out; gives up after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    this.#wake();
    const grace = new AbortController();
    const timeUp = this.#options.clock.sleep(graceMs, grace.signal).catch(() => {});
    await Promise.race([this.#linked, timeUp]);
    grace.abort();
    this.#stop.abort(new DOMException('the exchange is over', 'AbortError'));
    await this.#linked;
    this.#options.connection.close();
  }

  async #keepLinked(): Promise<void> {
    let retryMs = 0;
    while (!this.#closing) {
      const wasUp = await this.#link();
      if (this.#closing) return;
      // A link that worked is tried again at once; only if that fails as well the peer counts as lost.
      if (!wasUp) this.#options.onDown();
      retryMs = wasUp ? 0 : Math.min(1000, retryMs * 2 + 50);
      if (retryMs > 0) await this.#options.clock.sleep(retryMs, this.#stop.signal).catch(() => {});
    }
  }

  /** One life of the link; true if it ever worked. */
  async #link(): Promise<boolean> {
    let up = false;
    try {
      for await (const _ of this.#client.link(this.#statuses(), { signal: this.#stop.signal })) {
        if (!up) this.#options.onUp();
        up = true;
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#report('the link closed', error);
      if (mismatches.some((name) => EspalierError.is(error, name))) this.#options.onMismatch(error as EspalierError);
    }
    return up;
  }

  async *#statuses(): AsyncGenerator<LinkRequestInput> {
    yield { hello: this.#options.hello() };
    for (;;) {
      if (this.#next !== undefined) {
        const status = this.#next as {
          [K in keyof Status]: Status[K] extends readonly number[] ? number[] : Status[K];
        };
        this.#next = undefined;
        yield { status };
      } else if (this.#closing) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #report(what: string, error: unknown): void {
    this.#options.log.debug(what, {
      peer: this.#options.id,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
