import { createHash } from 'node:crypto';
import { type PieceKey, pieceName } from '../../elastic/event.js';

/** The bytes of one piece. Never changed while it is lent out: somebody may be sending it. */
export interface Piece {
  readonly values: Float32Array;
  loans: number;
  hash: string | undefined;
}

/** The bytes behind the keys of the protocol. */
export class PieceCache {
  readonly #pieces = new Map<string, Piece>();

  put(key: PieceKey, values: Float32Array, hash?: string): void {
    this.#pieces.set(pieceName(key), { values, loans: 0, hash });
  }

  get(key: PieceKey): Piece | undefined {
    return this.#pieces.get(pieceName(key));
  }

  drop(key: PieceKey): void {
    this.#pieces.delete(pieceName(key));
  }

  forget(beforeStep: number): void {
    for (const name of this.#pieces.keys()) if (Number.parseInt(name, 10) < beforeStep) this.#pieces.delete(name);
  }

  /** into = left + right; each sum is rounded to float32 once, as IEEE addition of two float32 is. */
  add(left: PieceKey, right: PieceKey, into: PieceKey): void {
    const [a, b] = [this.#held(left), this.#held(right)];
    const sum = a.loans === 0 ? a.values : new Float32Array(a.values.length);
    for (let i = 0; i < sum.length; i++) sum[i] = a.values[i]! + b.values[i]!;
    this.drop(left);
    this.drop(right);
    this.put(into, sum);
  }

  #held(key: PieceKey): Piece {
    const piece = this.get(key);
    if (piece === undefined) throw new Error(`the bytes of ${pieceName(key)} are not here`);
    return piece;
  }
}

/** The piece's SHA-256 in hex, computed once. */
export function hashOf(piece: Piece): string {
  piece.hash ??= createHash('sha256').update(bytesOf(piece.values)).digest('hex');
  return piece.hash;
}

/** The same memory as bytes; little-endian, as every machine that Node runs on with ONNX Runtime is. */
export const bytesOf = (values: Float32Array): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);
