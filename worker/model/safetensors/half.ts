/** float32 words of every binary16: 65,536 entries, made once per caller that converts much. */
function float16Words(): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(65_536);
  for (let half = 0; half < 65_536; half++) words[half] = float16Word(half);
  return words;
}

/** IEEE 754 binary16 -> binary32 bits; exact, NaN payloads kept. */
function float16Word(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f80_0000 | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // Subnormal: fraction * 2^-24 = 1.f * 2^(leading - 24).
  const leading = 31 - Math.clz32(fraction);
  return (sign | ((leading + 103) << 23) | ((fraction << (23 - leading)) & 0x7f_ffff)) >>> 0;
}

/** The value of every binary16, for decoders that meet single ones in the middle of other data. */
export const float16Values = (): Float32Array => new Float32Array(float16Words().buffer);

export function float16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const table = float16Words();
  const words = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index++) words[index] = table[halves[index]!]!;
  return new Float32Array(words.buffer);
}

export function bfloat16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const words = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index++) words[index] = halves[index]! << 16;
  return new Float32Array(words.buffer);
}

/** Round to nearest, ties to even; values beyond the range become infinite, NaN stays a quiet NaN. */
export function float32ToFloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < words.length; index++) halves[index] = float16Bits(words[index]!);
  return halves;
}

function float16Bits(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  // 65520 is half way between the largest binary16 and the next power of two: it rounds to infinity.
  if (magnitude >= 0x477f_f000) return sign | 0x7c00;
  // Below 2^-14 the result is subnormal: shift the full significand down and round there.
  if (magnitude < 0x3880_0000) {
    const shift = 126 - (magnitude >>> 23);
    if (shift > 24) return sign;
    return sign | roundShift((magnitude & 0x7f_ffff) | 0x80_0000, shift);
  }
  return sign | roundShift(magnitude - 0x3800_0000, 13);
}

export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    const isNan = (word & 0x7fff_ffff) > 0x7f80_0000;
    halves[index] = isNan ? (word >>> 16) | 0x40 : ((word >>> 16) & 0x8000) | roundShift(word & 0x7fff_ffff, 16);
  }
  return halves;
}

/** value / 2^shift rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}
