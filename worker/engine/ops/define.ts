import type { GraphBuilder } from '../ir/builder.js';
import type { Attributes, Dim, DType, TensorType, Value } from '../ir/graph.js';
import type { Tensor } from './tensor.js';

/** Execution providers; which of them exist on a machine is known to session.ts alone. */
export type Provider = 'cpu' | 'webgpu' | 'cuda';

/** An ONNX attribute with its wire type. */
export type OnnxAttribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'ints'; readonly value: readonly number[] };

export const int = (value: number | boolean): OnnxAttribute => ({ type: 'int', value: Number(value) });
export const float = (value: number): OnnxAttribute => ({ type: 'float', value });
export const ints = (value: readonly number[]): OnnxAttribute => ({ type: 'ints', value });

/** What an op sees while it writes its ONNX nodes; tensors are names. */
export interface Emitter {
  readonly provider: Provider;
  /** Appends one ONNX node. `outputs`: names, or nothing for one fresh name. Returns the first output's name. */
  node(
    type: string,
    inputs: readonly string[],
    options?: {
      attributes?: Readonly<Record<string, OnnxAttribute>>;
      outputs?: readonly string[];
      /** `com.microsoft` for contributed ops; the standard domain when left out. */
      domain?: string;
    },
  ): string;
  /** Name of a constant int64 vector. */
  ints(values: readonly number[]): string;
  /** Name of a constant float32 scalar. */
  float(value: number): string;
}

export interface EmitContext<A> {
  readonly e: Emitter;
  /** '' = left out. */
  readonly inputs: readonly string[];
  /** '' = nobody reads it. */
  readonly outputs: readonly string[];
  readonly attributes: A;
  readonly types: { readonly inputs: readonly (TensorType | null)[]; readonly outputs: readonly TensorType[] };
}

/**
 * What an input receives: a value, or a function that adds itself to the sum of the earlier contributions for less than
 * a sum would cost (a Gemm takes them as its C). null = no gradient flows here.
 */
export type Contribution = Value | ((sum: Value | null) => Value) | null;

export interface VjpContext<A> {
  readonly b: GraphBuilder;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: A;
  /** Cotangent of the first output. */
  readonly g: Value;
  /** Cotangents of all outputs, null where nothing flowed back. */
  readonly cotangents: readonly (Value | null)[];
  /** Which inputs lie on the path to a wanted value; the others' contributions are not looked at. */
  readonly needs: readonly boolean[];
}

/** One input of a test case. Float inputs are filled with seeded numbers, others say their values. */
export type CaseInput =
  | readonly number[]
  | { readonly shape: readonly number[]; readonly fill: 'positive' }
  | { readonly shape: readonly number[]; readonly dtype: DType; readonly values: readonly number[] }
  | null;

export interface OpCase<A> {
  readonly inputs: readonly CaseInput[];
  readonly attributes?: A;
}

/** Everything about one op. `A` = its attributes. */
export interface OpDefinition<A = Attributes> {
  readonly name: string;
  /** Types in, types out; throws GraphInvalid. */
  infer(inputs: readonly (TensorType | null)[], attributes: A): readonly TensorType[];
  /** Slow float64 formula in plain TypeScript; the oracle of the tests and the constant folder. */
  reference(inputs: readonly (Tensor | null)[], attributes: A): readonly Tensor[];
  /** Builds the contributions to the inputs; broadcasting is undone by the caller. Left out with a reason in `stops`. */
  vjp?(context: VjpContext<A>): readonly Contribution[];
  /** Why the op has no gradient at all. */
  readonly stops?: string;
  /** Why some inputs get no gradient, by input index. */
  readonly frozen?: Readonly<Record<number, string>>;
  emit(context: EmitContext<A>): void;
  /** Outputs that only the op's own vjp reads; no cotangent comes back to them. */
  readonly saved?: readonly number[];
  /** Cheap enough to compute again in the backward pass instead of keeping the result. */
  readonly cheap?: boolean;
  /** Elements of the largest results inside `emit` that are no outputs, if they weigh; a symbolic size counts `rows`. */
  scratch?(inputs: readonly (TensorType | null)[], rows: number): number;
  readonly cases: readonly OpCase<A>[];
}

/** Ties the attribute type of one op together and forgets it for the registry. */
export const defineOp = <A>(definition: OpDefinition<A>): OpDefinition => definition as unknown as OpDefinition;

/** The op maps to one ONNX node without attributes. */
export const plain =
  (type: string) =>
  ({ e, inputs, outputs }: EmitContext<unknown>): void => {
    e.node(type, inputs, { outputs });
  };

export const float32 = (shape: readonly Dim[]): TensorType => ({ dtype: 'float32', shape });
export const bool = (shape: readonly Dim[]): TensorType => ({ dtype: 'bool', shape });
