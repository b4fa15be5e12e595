import type { TensorLocation } from '../../model/base.js';

export type DType = 'float32' | 'int64' | 'int32' | 'bool';

/** A number, or the name of a size that is known only when the graph runs (e.g. `R`, rows of supervised positions). */
export type Dim = number | string;

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** The result of a node, a graph input, a weight or a constant. Compared by identity; `id` is unique in its graph. */
export interface Value extends TensorType {
  readonly id: number;
}

export type Attribute = number | string | boolean | readonly Dim[];
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  /** Key into the op registry (`ops/index.ts`). */
  readonly op: string;
  /** null = an optional input left out. */
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;
  readonly outputs: readonly Value[];
}

export interface Named {
  readonly name: string;
  readonly value: Value;
}

/** A frozen tensor of the base, read by the runtime straight from its safetensors file. */
export interface Weight extends Named {
  readonly location: TensorLocation;
}

export type ConstantData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

export interface Constant {
  readonly value: Value;
  readonly data: ConstantData;
}

/** An immutable dataflow graph; nodes stand in an order in which every input comes before its use. */
export interface Graph {
  readonly inputs: readonly Named[];
  readonly weights: readonly Weight[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Named[];
  /** Values at which `layered` may cut the graph, in order: the hidden state after each decoder layer. */
  readonly boundaries: readonly Value[];
}

/** The element type that a typed array stands for. */
export function dtypeOf(data: ConstantData): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof Uint8Array ? 'bool' : 'int64';
}
