import { bfloat16ToFloat32, float16ToFloat32, float16Values } from '../safetensors/half.js';
import { type TensorType, tensorTypes } from './format.js';

/**
 * Raw little-endian tensor data -> float32. Block formats as in ggml: 32 elements share a binary16 scale d (and minimum
 * m); a quantum has at most 8 bits and d 11, so d * q is exact and one rounding (of the stored sum) remains: the bits are
 * ggml's whether it fuses the multiply-add or not.
 */
export function dequantise(type: TensorType, raw: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return dequantisers[type](raw);
}

const dequantisers: Record<TensorType, (raw: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>> = {
  F32: (raw) => new Float32Array(aligned(raw, 4).buffer),
  F16: (raw) => float16ToFloat32(new Uint16Array(aligned(raw, 2).buffer)),
  BF16: (raw) => bfloat16ToFloat32(new Uint16Array(aligned(raw, 2).buffer)),
  Q8_0: (raw) =>
    blocks(raw, tensorTypes.Q8_0.bytes, (at, out, to, half) => {
      const d = half[raw[at]! | (raw[at + 1]! << 8)]!;
      for (let index = 0; index < 32; index++) out[to + index] = ((raw[at + 2 + index]! << 24) >> 24) * d;
    }),
  // The low nibbles are elements 0 to 15, the high ones 16 to 31.
  Q4_0: (raw) =>
    blocks(raw, tensorTypes.Q4_0.bytes, (at, out, to, half) => {
      const d = half[raw[at]! | (raw[at + 1]! << 8)]!;
      for (let index = 0; index < 16; index++) {
        const pair = raw[at + 2 + index]!;
        out[to + index] = ((pair & 15) - 8) * d;
        out[to + 16 + index] = ((pair >>> 4) - 8) * d;
      }
    }),
  Q4_1: (raw) =>
    blocks(raw, tensorTypes.Q4_1.bytes, (at, out, to, half) => {
      const d = half[raw[at]! | (raw[at + 1]! << 8)]!;
      const m = half[raw[at + 2]! | (raw[at + 3]! << 8)]!;
      for (let index = 0; index < 16; index++) {
        const pair = raw[at + 4 + index]!;
        out[to + index] = (pair & 15) * d + m;
        out[to + 16 + index] = (pair >>> 4) * d + m;
      }
    }),
};

function blocks(
  raw: Uint8Array,
  blockBytes: number,
  decode: (at: number, out: Float32Array, to: number, half: Float32Array) => void,
): Float32Array<ArrayBuffer> {
  const count = raw.byteLength / blockBytes;
  const out = new Float32Array(count * 32);
  const half = float16Values();
  for (let block = 0; block < count; block++) decode(block * blockBytes, out, block * 32, half);
  return out;
}

/** A view that owns its whole buffer, so that a wider view of it can be taken. */
const aligned = (raw: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> =>
  raw.byteOffset === 0 && raw.byteLength === raw.buffer.byteLength && raw.byteLength % size === 0 ? raw : raw.slice();
