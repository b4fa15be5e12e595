import { createHash } from 'node:crypto';
import { fail } from '../../api/errors.js';
import type { PieceKey } from '../../elastic/event.js';
import type { PieceChunk, PieceChunkInput } from '../../proto/generated/espalier/v1/PieceChunk.js';
import type { PieceHeader } from '../../proto/generated/espalier/v1/PieceHeader.js';
import type { StateChunk, StateChunkInput } from '../../proto/generated/espalier/v1/StateChunk.js';
import type { Buffers } from './buffers.js';
import { bytesOf } from './cache.js';

const chunkBytes = 2 ** 20;

/** A piece as it travels: its header, then its bytes. */
export async function* pieceChunks(
  member: string,
  key: PieceKey,
  piece: { readonly values: Float32Array; readonly hash: string },
  onSent: (sizeBytes: number) => void,
): AsyncGenerator<PieceChunkInput> {
  const bytes = bytesOf(piece.values);
  yield { header: { member, ...key, sizeBytes: bytes.length, sha256: Buffer.from(piece.hash, 'hex') } };
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const data = bytes.subarray(start, start + chunkBytes);
    onSent(data.length);
    yield { data };
  }
}

export interface ReceivedPiece {
  readonly header: PieceHeader;
  readonly values: Float32Array;
  readonly hash: string;
}

export interface Collecting {
  /** How many values the piece must have. */
  readonly floats: (header: PieceHeader) => number;
  /** Sees the header before any byte; with false the rest is not read and the values are empty. */
  readonly useful: (header: PieceHeader) => boolean;
  /** Where its array comes from. */
  readonly buffers: Buffers;
  readonly onReceived: (sizeBytes: number) => void;
}

/** Collects a piece and checks it against its hash. */
export async function collectPiece(
  chunks: AsyncIterable<PieceChunk>,
  { floats, useful, buffers, onReceived }: Collecting,
): Promise<ReceivedPiece> {
  let header: PieceHeader | undefined;
  let values: Float32Array = nothing;
  let filled = 0;
  const hasher = createHash('sha256');
  for await (const chunk of chunks) {
    if (header === undefined) {
      if (!chunk.header) return fail('PieceInvalid', { peer: 'a peer', what: 'it does not begin with a header' });
      header = chunk.header;
      if (!useful(header)) return { header, values, hash: header.sha256.toString('hex') };
      values = buffers.take(floats(header));
      if (header.sizeBytes !== values.byteLength)
        fail('PieceInvalid', {
          peer: header.member,
          what: `${header.sizeBytes} bytes instead of ${values.byteLength}`,
        });
      continue;
    }
    const data = chunk.data ?? Buffer.alloc(0);
    if (filled + data.length > values.byteLength)
      fail('PieceInvalid', { peer: header.member, what: 'more bytes than its header says' });
    bytesOf(values).set(data, filled);
    hasher.update(data);
    filled += data.length;
    onReceived(data.length);
  }
  if (header === undefined) return fail('PieceInvalid', { peer: 'a peer', what: 'it is empty' });
  if (filled < values.byteLength) fail('PieceInvalid', { peer: header.member, what: 'it ends too early' });
  const hash = hasher.digest('hex');
  if (hash !== header.sha256.toString('hex'))
    fail('PieceInvalid', { peer: header.member, what: 'its bytes do not have the hash that its header says' });
  return { header, values, hash };
}

const nothing = new Float32Array(0);

/** A state as it travels: its step and size, then chunks, each with its hash. */
export async function* stateChunks(step: number, bytes: Uint8Array): AsyncGenerator<StateChunkInput> {
  yield { header: { step, sizeBytes: bytes.length } };
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const data = bytes.subarray(start, start + chunkBytes);
    yield { data: { data, sha256: createHash('sha256').update(data).digest() } };
  }
}

export async function collectState(
  peer: string,
  chunks: AsyncIterable<StateChunk>,
  onReceived: (sizeBytes: number) => void,
): Promise<{ step: number; bytes: Uint8Array }> {
  let step = -1;
  let bytes = new Uint8Array(0);
  let filled = 0;
  for await (const { header, data } of chunks) {
    if (header) {
      step = header.step;
      bytes = new Uint8Array(header.sizeBytes);
    } else if (data) {
      if (!createHash('sha256').update(data.data).digest().equals(data.sha256))
        fail('PieceInvalid', { peer, what: `a chunk of the state at byte ${filled} does not have its hash` });
      if (filled + data.data.length > bytes.length)
        fail('PieceInvalid', { peer, what: 'more bytes of state than its header says' });
      bytes.set(data.data, filled);
      filled += data.data.length;
      onReceived(data.data.length);
    }
  }
  if (step < 0 || filled < bytes.length) fail('PieceInvalid', { peer, what: 'the state ends too early' });
  return { step, bytes };
}
