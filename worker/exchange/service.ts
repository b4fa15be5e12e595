import { fail } from '../../api/errors.js';
import { acceptance } from '../../elastic/advance.js';
import type { PieceKey } from '../../elastic/event.js';
import { type ExchangeState, piecesOf } from '../../elastic/state.js';
import type { Status } from '../../elastic/status.js';
import type { Hello } from '../../proto/generated/espalier/v1/Hello.js';
import type { PieceHeader } from '../../proto/generated/espalier/v1/PieceHeader.js';
import { type ServedService, service } from '../../proto/transport.js';
import type { PieceCache } from './cache.js';
import { collectPiece, pieceChunks, stateChunks } from './chunks.js';
import type { Numerics } from './trainee.js';

export const protocolVersion = 1;

export interface ServiceOptions {
  readonly self: string;
  readonly recipe: {
    readonly hash: string;
    readonly numericsVersion: number;
    readonly shards: readonly (readonly [number, number])[];
  };
  readonly numerics: Numerics;
  readonly cache: PieceCache;
  readonly state: () => ExchangeState;
  /** A snapshot of the state of training, as soon as none is being applied. */
  readonly snapshot: () => Promise<{ step: number; bytes: Uint8Array }>;
  readonly onStatus: (from: string, status: Status) => void;
  /** `values` undefined: its bytes were of no use, its hash still is. */
  readonly onPiece: (from: string, key: PieceKey, hash: string, values: Float32Array | undefined) => void;
  readonly onSent: (sizeBytes: number) => void;
  readonly onReceived: (sizeBytes: number) => void;
}

const outcomes = { taken: 'TAKEN', covered: 'COVERED', late: 'LATE', early: 'EARLY' } as const;

/** How many states are given out at once. */
const maxTransfers = 2;

/** What other workers may ask of this one. */
export function exchangeService(options: ServiceOptions): ServedService {
  const { self, recipe, cache, state } = options;
  let transfers = 0;
  return service('Exchange', {
    async *link(requests) {
      let from: string | undefined;
      for await (const { hello, status } of requests) {
        if (hello) {
          checkHello(hello, options);
          from = hello.member;
          yield { member: self, view: state().view?.number ?? 0 };
        } else if (status) {
          if (from === undefined) fail('PieceInvalid', { peer: 'a peer', what: 'a status came before the hello' });
          options.onStatus(from, status);
        }
      }
    },

    async offer(chunks) {
      const floats = ({ shard }: PieceHeader) => recipe.shards[shard]![1] - recipe.shards[shard]![0];
      let outcome: keyof typeof outcomes = 'taken';
      const useful = (header: PieceHeader) => {
        checkKey(header, options);
        outcome = acceptance(state(), header);
        return outcome === 'taken';
      };
      const { header, values, hash } = await collectPiece(chunks, {
        ...options,
        buffers: cache.buffers,
        floats,
        useful,
      });
      const { member, step, shard, node } = header;
      if ((outcome as string) !== 'early')
        options.onPiece(member, { step, shard, node }, hash, values.length > 0 ? values : undefined);
      return { outcome: outcomes[outcome] };
    },

    async *fetch(key) {
      const piece = cache.get(key);
      if (piece === undefined) return fail('PieceMissing', { step: key.step, shard: key.shard });
      // A copy: the last of it may still wait to be sent when nobody asks for more.
      yield* pieceChunks(self, key, { values: piece.values.slice(), hash: piece.hash }, options.onSent);
    },

    async *fetchState({ afterStep }) {
      if (transfers >= maxTransfers)
        fail('StateUnavailable', { step: afterStep, why: `${maxTransfers} are being given out` });
      transfers++;
      try {
        const { step, bytes } = await options.snapshot();
        if (step <= afterStep) fail('StateUnavailable', { step: afterStep, why: `it is at step ${step} here` });
        for await (const chunk of stateChunks(step, bytes)) {
          options.onSent(chunk.data?.data?.length ?? 0);
          yield chunk;
        }
      } finally {
        transfers--;
      }
    },
  });
}

/** Names the first thing in which a peer differs. */
function checkHello(hello: Hello, { self, recipe, numerics }: ServiceOptions): void {
  const compared: [what: string, here: string | number, there: string | number][] = [
    ['protocol version', protocolVersion, hello.protocolVersion],
    ['numerics version', recipe.numericsVersion, hello.numericsVersion],
    ['recipe', recipe.hash, hello.recipeHash],
  ];
  if (hello.fingerprint !== numerics.fingerprint)
    compared.push(['numerics fingerprint', described(numerics), described(hello)]);
  // The message is read by the caller: `here` is its side.
  for (const [what, here, there] of compared)
    if (here !== there) fail('HandshakeMismatch', { what, here: String(there), there: String(here), peer: self });
}

const described = ({ fingerprint, machine }: Numerics): string => `${fingerprint.slice(0, 12)} on ${machine}`;

function checkKey({ member, step, shard, node }: PieceHeader, { recipe, state }: ServiceOptions): void {
  if (shard >= recipe.shards.length) fail('PieceInvalid', { peer: member, what: `there is no shard ${shard}` });
  if (step >= state().rules.steps) fail('PieceInvalid', { peer: member, what: `there is no step ${step}` });
  if (!piecesOf(state(), step).tree.nodes.has(node))
    fail('PieceInvalid', { peer: member, what: `step ${step} has no node ${node}` });
}
