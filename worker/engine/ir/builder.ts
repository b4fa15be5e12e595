import { fail } from '../../../api/errors.js';
import type { TensorLocation } from '../../model/base.js';
import type {
  Attributes,
  Constant,
  ConstantData,
  Dim,
  DType,
  Graph,
  Named,
  Node,
  TensorType,
  Value,
  Weight,
} from './graph.js';
import { dtypeOf } from './graph.js';
import { normalAxis, sameShape, shapeText, sizeOf } from './shape.js';

/** What the builder needs of the op registry: types in, types out. */
export type InferenceTable = ReadonlyMap<
  string,
  { infer(inputs: readonly (TensorType | null)[], attributes: Attributes): readonly TensorType[] }
>;

/** A value, or a number that becomes a float32 scalar. */
export type Operand = Value | number;

/**
 * Builds a graph node by node; shapes are inferred and checked at once, so a mistake shows where it is made.
 * `from` continues an existing graph (its values stay valid), which is how the backward pass appends to the forward.
 */
export class GraphBuilder {
  readonly #ops: InferenceTable;
  readonly #inputs: Named[] = [];
  readonly #weights: Weight[] = [];
  readonly #constants: Constant[] = [];
  readonly #scalars = new Map<number, Value>();
  readonly #biases = new Map<Value, Value>();
  readonly #nodes: Node[] = [];
  readonly #outputs: Named[] = [];
  readonly #boundaries: Value[] = [];
  #nextId = 0;

  constructor(ops: InferenceTable, from?: Graph) {
    this.#ops = ops;
    if (!from) return;
    this.#inputs.push(...from.inputs);
    this.#weights.push(...from.weights);
    this.#constants.push(...from.constants);
    this.#nodes.push(...from.nodes);
    this.#outputs.push(...from.outputs);
    this.#boundaries.push(...from.boundaries);
    const values = [
      ...[...from.inputs, ...from.weights, ...from.constants].map((entry) => entry.value),
      ...from.nodes.flatMap((node) => node.outputs),
    ];
    this.#nextId = values.reduce((next, value) => Math.max(next, value.id + 1), 0);
  }

  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    return this.#named(this.#inputs, name, { dtype, shape });
  }

  /** A frozen float32 tensor of the base. Asking twice for one name gives one value (tied embeddings). */
  weight(name: string, location: TensorLocation): Value {
    const known = this.#weights.find((weight) => weight.name === name);
    if (known) return known.value;
    const value = this.#value({ dtype: 'float32', shape: location.shape });
    this.#weights.push({ name, value, location });
    return value;
  }

  constant(data: ConstantData, shape: readonly number[]): Value {
    if (sizeOf(shape) !== data.length)
      fail('GraphInvalid', { what: `a constant of shape ${shapeText(shape)} has ${data.length} elements` });
    const value = this.#value({ dtype: dtypeOf(data), shape });
    this.#constants.push({ value, data });
    return value;
  }

  /** The float32 scalar, one value per number. */
  scalar(number: number): Value {
    const known = this.#scalars.get(number);
    if (known) return known;
    const value = this.constant(Float32Array.of(number), []);
    this.#scalars.set(number, value);
    return value;
  }

  zeros(shape: readonly number[]): Value {
    return this.constant(new Float32Array(sizeOf(shape)), shape);
  }

  output(name: string, value: Value): void {
    if (this.#outputs.some((output) => output.name === name))
      fail('GraphInvalid', { what: `output ${name} is given twice` });
    this.#outputs.push({ name, value });
  }

  /** Marks a value as a place where `layered` may cut; returns it. */
  boundary(value: Value): Value {
    this.#boundaries.push(value);
    return value;
  }

  /** The generic node. Typed sugar for it follows below. */
  apply(op: string, inputs: readonly (Value | null)[], attributes: Attributes = {}): readonly Value[] {
    const definition = this.#ops.get(op) ?? fail('GraphInvalid', { what: `no op is named ${op}` });
    const outputs = definition.infer(inputs, attributes).map((type) => this.#value(type));
    this.#nodes.push({ op, inputs, attributes, outputs });
    return outputs;
  }

  /** The first output of `apply`. */
  one(op: string, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value {
    return this.apply(op, inputs, attributes)[0]!;
  }

  // Element by element, with numpy's broadcasting.
  add(a: Operand, b: Operand): Value {
    return this.#binary('Add', a, b);
  }
  sub(a: Operand, b: Operand): Value {
    return this.#binary('Sub', a, b);
  }
  mul(a: Operand, b: Operand): Value {
    if (b === 1 || (b === this.#scalars.get(1) && typeof a !== 'number')) return this.#operand(a);
    return this.#binary('Mul', a, b);
  }
  div(a: Operand, b: Operand): Value {
    return this.#binary('Div', a, b);
  }
  neg(x: Value): Value {
    return this.one('Neg', [x]);
  }
  sqrt(x: Value): Value {
    return this.one('Sqrt', [x]);
  }
  exp(x: Value): Value {
    return this.one('Exp', [x]);
  }
  log(x: Value): Value {
    return this.one('Log', [x]);
  }
  sigmoid(x: Value): Value {
    return this.one('Sigmoid', [x]);
  }
  tanh(x: Value): Value {
    return this.one('Tanh', [x]);
  }
  erf(x: Value): Value {
    return this.one('Erf', [x]);
  }
  /** x * sigmoid(x). */
  silu(x: Value): Value {
    return this.one('Silu', [x]);
  }
  /** `none`: with erf; `tanh`: the tanh approximation. */
  gelu(x: Value, approximate: 'none' | 'tanh' = 'none'): Value {
    return this.one('Gelu', [x], { approximate });
  }

  // Products.
  /** Batched product over the last two axes; `transA`/`transB` swap them without a copy, `alpha` scales the result. */
  matmul(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; alpha?: number } = {}): Value {
    const { transA = false, transB = false, alpha = 1 } = options;
    return this.one('MatMul', [a, b], { transA, transB, alpha });
  }
  /** alpha * op(a) op(b) + beta * c for matrices; c is [m, n], [n] or null. */
  gemm(
    a: Value,
    b: Value,
    c: Value | null = null,
    options: { transA?: boolean; transB?: boolean; alpha?: number; beta?: number } = {},
  ): Value {
    const { transA = false, transB = false, alpha = 1, beta = 1 } = options;
    return this.one('Gemm', [a, b, c], { transA, transB, alpha, beta });
  }
  softmax(x: Value, axis = -1): Value {
    return this.one('Softmax', [x], { axis: normalAxis(axis, x.shape.length) });
  }
  /**
   * softmax(scale q k^T, where mask) v over the last two axes, `q [..., m, d]`, `k` and `v [..., n, d]`, mask bool and
   * broadcastable to `[..., m, n]`, true = attends.
   */
  attention(q: Value, k: Value, v: Value, mask: Value | null, { scale }: { scale: number }): Value {
    return this.one('Attention', [q, k, v, mask && this.#bias(mask)], { scale });
  }
  /** x / sqrt(mean(x^2) + epsilon) * scale over the last axis. */
  rmsNorm(x: Value, scale: Value, epsilon: number): Value {
    return this.one('RmsNorm', [x, scale], { epsilon });
  }
  /**
   * Rotates `x [batch, tokens, heads * headDim]` (half-split convention of Llama) by the rows of `cos`/`sin
   * [positions, rotaryDim / 2]` that `positions` (int64 `[batch, tokens]`) names.
   */
  rotary(x: Value, positions: Value, cos: Value, sin: Value, heads: number): Value {
    return this.one('Rotary', [x, positions, cos, sin], { heads });
  }
  /**
   * Sum over rows of weight * (logsumexp(h E^T) - (h E^T)[label]): `h [rows, hidden]`, `head [vocab, hidden]` frozen,
   * labels int64 `[rows]`, weights float32 `[rows]` -> scalar. Never keeps logits for the backward pass.
   */
  linearCrossEntropy(h: Value, head: Value, labels: Value, weights: Value): Value {
    return this.one('LinearCrossEntropy', [h, head, labels, weights]);
  }

  // Layout.
  /** At most one symbolic size, or symbols at the axes where the input has them. */
  reshape(x: Value, shape: readonly Dim[]): Value {
    return sameShape(x.shape, shape) ? x : this.one('Reshape', [x], { shape });
  }
  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((from, to) => from === to) ? x : this.one('Transpose', [x], { perm });
  }
  /** [start, end) along one axis; of a symbolic size the part that exists (it may be empty). */
  slice(x: Value, axis: number, start: number, end: number): Value {
    const normal = normalAxis(axis, x.shape.length);
    if (start === 0 && x.shape[normal] === end) return x;
    return this.one('Slice', [x], { axis: normal, start, end });
  }
  concat(values: readonly Value[], axis: number): Value {
    if (values.length === 1) return values[0]!;
    return this.one('Concat', values, { axis: normalAxis(axis, values[0]!.shape.length) });
  }
  split(x: Value, axis: number, sizes: readonly number[]): readonly Value[] {
    if (sizes.length === 1) return [x];
    return this.apply('Split', [x], { axis: normalAxis(axis, x.shape.length), sizes });
  }
  expand(x: Value, shape: readonly Dim[]): Value {
    return sameShape(x.shape, shape) ? x : this.one('Expand', [x], { shape });
  }
  /** Rows of a frozen table: `table [n, ...]`, indices of any shape. No gradient flows into the table. */
  gather(table: Value, indices: Value, axis = 0): Value {
    return this.one('Gather', [table, indices], { axis });
  }
  /**
   * Rows of `x [n, width]` at `index` int64 `[R]`, differentiable. `inverse` int64 `[n]` names for each row of x its place
   * in `index`, or R when it is not taken (no row is taken twice by a place that counts): the gradient is a Gather too.
   */
  gatherRows(x: Value, index: Value, inverse: Value): Value {
    return this.one('GatherRows', [x, index, inverse]);
  }

  // Reductions; axes are kept with size 1 unless `keepDims` is false.
  reduceSum(x: Value, axes: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceSum', x, axes, keepDims);
  }
  reduceMax(x: Value, axes: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceMax', x, axes, keepDims);
  }
  reduceMean(x: Value, axes: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceMean', x, axes, keepDims);
  }
  reduceSumSquare(x: Value, axes: readonly number[], keepDims = true): Value {
    return this.#reduce('ReduceSumSquare', x, axes, keepDims);
  }

  // Comparisons and choice.
  equal(a: Value, b: Value): Value {
    return this.one('Equal', [a, b]);
  }
  greaterOrEqual(a: Value, b: Value): Value {
    return this.one('GreaterOrEqual', [a, b]);
  }
  less(a: Value, b: Value): Value {
    return this.one('Less', [a, b]);
  }
  and(a: Value, b: Value): Value {
    return this.one('And', [a, b]);
  }
  where(condition: Value, a: Operand, b: Operand): Value {
    return this.one('Where', [condition, this.#operand(a), this.#operand(b)]);
  }
  cast(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.one('Cast', [x], { dtype });
  }

  build(): Graph {
    return {
      inputs: [...this.#inputs],
      weights: [...this.#weights],
      constants: [...this.#constants],
      nodes: [...this.#nodes],
      outputs: [...this.#outputs],
      boundaries: [...this.#boundaries],
    };
  }

  /** 0 where the mask is true, else -1e30, once per mask: adding is much cheaper than choosing, and x + 0 = x. */
  #bias(mask: Value): Value {
    const bias = this.#biases.get(mask) ?? this.where(mask, 0, -1e30);
    this.#biases.set(mask, bias);
    return bias;
  }

  #binary(op: string, a: Operand, b: Operand): Value {
    return this.one(op, [this.#operand(a), this.#operand(b)]);
  }

  #reduce(op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
    return this.one(op, [x], { axes: axes.map((axis) => normalAxis(axis, x.shape.length)), keepDims });
  }

  #operand(operand: Operand): Value {
    return typeof operand === 'number' ? this.scalar(operand) : operand;
  }

  #named(list: Named[], name: string, type: TensorType): Value {
    if (list.some((entry) => entry.name === name)) fail('GraphInvalid', { what: `input ${name} is given twice` });
    const value = this.#value(type);
    list.push({ name, value });
    return value;
  }

  #value({ dtype, shape }: TensorType): Value {
    return { id: this.#nextId++, dtype, shape };
  }
}
