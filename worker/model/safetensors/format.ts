/** Bytes per element of the dtypes Espalier reads and writes. */
export const dtypeBytes = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, I8: 1, U8: 1, BOOL: 1 } as const;

export type Dtype = keyof typeof dtypeBytes;

export const isDtype = (text: unknown): text is Dtype => typeof text === 'string' && Object.hasOwn(dtypeBytes, text);

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface SafetensorsHeader {
  readonly path: string;
  readonly sizeBytes: number;
  /** Where tensor data begins: 8 + header length. */
  readonly dataStart: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** In order of their data. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** Elements of a shape; 1 for a scalar. NaN when it is no safe integer. */
export function elementCount(shape: readonly number[]): number {
  const count = shape.reduce((product, size) => product * size, 1);
  return Number.isSafeInteger(count) ? count : Number.NaN;
}

/** Most bytes a header may take: the limit of the reference implementation. */
export const headerLimitBytes = 100_000_000;

/** Tensor data starts at multiples of this, so that a mapped file feeds vector loads without a split. */
export const alignmentBytes = 64;
