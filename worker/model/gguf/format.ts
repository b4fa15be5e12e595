/** Value types of GGUF metadata, by their number in the file. */
export const valueTypes = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

export type ValueType = (typeof valueTypes)[number];
export type ScalarType = Exclude<ValueType, 'array'>;

/** 64-bit integers come as numbers where these are exact, else as bigint. */
export type GgufScalar = number | bigint | boolean | string;

export type GgufValue =
  | { readonly type: ScalarType; readonly value: GgufScalar }
  | { readonly type: 'array'; readonly of: ScalarType; readonly value: readonly GgufScalar[] };

/** Tensor types that Espalier reads: number in the file, elements and bytes per block. */
export const tensorTypes = {
  F32: { id: 0, block: 1, bytes: 4 },
  F16: { id: 1, block: 1, bytes: 2 },
  Q4_0: { id: 2, block: 32, bytes: 18 },
  Q4_1: { id: 3, block: 32, bytes: 20 },
  Q8_0: { id: 8, block: 32, bytes: 34 },
  BF16: { id: 30, block: 1, bytes: 2 },
} as const;

export type TensorType = keyof typeof tensorTypes;

/** Names of the types that Espalier does not read, for its messages. */
export const otherTensorTypes: Readonly<Record<number, string>> = {
  6: 'Q5_0',
  7: 'Q5_1',
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

export const defaultAlignment = 32;
export const magic = 0x4655_4747; // "GGUF", little endian
export const mostDimensions = 4;

export const alignUp = (offset: number, alignment: number): number => Math.ceil(offset / alignment) * alignment;

export interface GgufTensor {
  readonly name: string;
  readonly type: TensorType;
  /** Row-major, outermost first (the file lists the innermost first). */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Gguf {
  readonly path: string;
  readonly version: number;
  readonly sizeBytes: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}
