import type { EspalierError } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Outcome, PieceKey } from '../../elastic/event.js';
import type { Status } from '../../elastic/status.js';
import type { View } from '../../elastic/view.js';
import type { ClientTls, Transport } from '../../proto/transport.js';
import type { Buffers } from './buffers.js';
import type { Piece } from './cache.js';
import type { ReceivedPiece } from './chunks.js';
import { Peer } from './peer.js';
import { protocolVersion } from './service.js';
import type { Numerics } from './trainee.js';

export interface PeersOptions {
  readonly self: string;
  readonly transport: Transport;
  readonly token: string;
  readonly tls?: ((member: string) => ClientTls) | undefined;
  readonly recipe: { readonly hash: string; readonly numericsVersion: number };
  readonly numerics: Numerics;
  readonly buffers: Buffers;
  readonly clock: Clock;
  readonly log: Logger;
  readonly view: () => number;
  readonly onLink: (peer: string, up: boolean) => void;
  readonly onMismatch: (peer: string, error: EspalierError) => void;
  readonly onSent: (sizeBytes: number) => void;
  readonly onReceived: (sizeBytes: number) => void;
}

/** Time for the last status to go out when the exchange ends. */
const closeGraceMs = 1000;

/** The ways to all other members of the view. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #closing: Promise<void>[] = [];

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  follow(view: View | undefined): void {
    const others = (view?.members ?? []).filter(({ id }) => id !== this.#options.self);
    for (const [id, peer] of this.#peers) {
      if (others.some((member) => member.id === id)) continue;
      this.#peers.delete(id);
      this.#closing.push(peer.close(0));
    }
    for (const { id, address } of others) if (!this.#peers.has(id)) this.#peers.set(id, this.#connect(id, address));
  }

  tell(to: readonly string[], status: Status): void {
    for (const id of to) this.#peers.get(id)?.tell(status);
  }

  async offer(to: string, key: PieceKey, piece: Piece): Promise<Outcome> {
    return (await this.#peers.get(to)?.offer(key, piece)) ?? 'failed';
  }

  async fetch(from: string, key: PieceKey, floats: number): Promise<ReceivedPiece | undefined> {
    return await this.#peers.get(from)?.fetch(key, floats);
  }

  async fetchState(from: string, afterStep: number): Promise<{ step: number; bytes: Uint8Array } | undefined> {
    return await this.#peers.get(from)?.fetchState(afterStep);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#closing, ...[...this.#peers.values()].map((peer) => peer.close(closeGraceMs))]);
  }

  #connect(id: string, address: string): Peer {
    const {
      transport,
      token,
      tls,
      self,
      recipe,
      numerics,
      buffers,
      clock,
      log,
      view,
      onLink,
      onMismatch,
      onSent,
      onReceived,
    } = this.#options;
    return new Peer({
      id,
      self,
      connection: transport.connect(address, { token, ...(tls && { tls: tls(id) }) }),
      hello: () => ({
        protocolVersion,
        recipeHash: recipe.hash,
        numericsVersion: recipe.numericsVersion,
        member: self,
        view: view(),
        ...numerics,
      }),
      buffers,
      clock,
      log,
      onUp: () => onLink(id, true),
      onDown: () => onLink(id, false),
      onMismatch: (error) => onMismatch(id, error),
      onSent,
      onReceived,
    });
  }
}
