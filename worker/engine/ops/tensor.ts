import { broadcastShapes, sizeOf } from '../ir/shape.js';

/** A tensor of the references: float64 whatever the dtype (labels and masks are small integers). */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const tensor = (shape: readonly number[], data: ArrayLike<number> | number = 0): Tensor => ({
  shape,
  data:
    typeof data === 'number'
      ? new Float64Array(sizeOf(shape)).fill(data)
      : Float64Array.from(data as ArrayLike<number>),
});

/** Row-major strides; size-1 axes get stride 0 so that they broadcast. */
function broadcastStrides(shape: readonly number[], rank: number): number[] {
  const strides = new Array<number>(rank).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis + rank - shape.length] = shape[axis] === 1 ? 0 : stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Calls `visit` with every multi-index of `shape`, in row-major order. */
export function forEachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const index = shape.map(() => 0);
  const size = sizeOf(shape);
  for (let flat = 0; flat < size; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Offset of `index` in a tensor of `shape`, aligned at the last axis and broadcast. */
export function offsetOf(shape: readonly number[], index: readonly number[]): number {
  const strides = broadcastStrides(shape, index.length);
  return index.reduce((offset, position, axis) => offset + position * strides[axis]!, 0);
}

export const at = (x: Tensor, index: readonly number[]): number => x.data[offsetOf(x.shape, index)]!;

/** Element by element with broadcasting. */
export function zip(inputs: readonly Tensor[], f: (...values: number[]) => number): Tensor {
  const shape = inputs.map((x) => x.shape).reduce((a, b) => broadcastShapes(a, b) as number[]);
  const out = tensor(shape);
  forEachIndex(shape, (index, flat) => {
    out.data[flat] = f(...inputs.map((x) => at(x, index)));
  });
  return out;
}

export const map = (x: Tensor, f: (value: number) => number): Tensor => ({ shape: x.shape, data: x.data.map(f) });

/** Gathers: the element of the result at `index` is the element of `x` at `source(index)`. */
export function rearrange(
  x: Tensor,
  shape: readonly number[],
  source: (index: readonly number[]) => readonly number[],
): Tensor {
  const out = tensor(shape);
  forEachIndex(shape, (index, flat) => {
    out.data[flat] = at(x, source(index));
  });
  return out;
}

/** Folds over `axes`. */
export function reduce(
  x: Tensor,
  axes: readonly number[],
  keepDims: boolean,
  initial: number,
  step: (sum: number, value: number) => number,
): Tensor {
  const kept = x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  const out = tensor(kept, initial);
  forEachIndex(x.shape, (index, flat) => {
    const to = offsetOf(kept, index);
    out.data[to] = step(out.data[to]!, x.data[flat]!);
  });
  return { shape: keepDims ? kept : x.shape.filter((_, axis) => !axes.includes(axis)), data: out.data };
}

/** Swaps the last two axes. */
export function swapLast(x: Tensor): Tensor {
  const shape = [...x.shape.slice(0, -2), x.shape.at(-1)!, x.shape.at(-2)!];
  return rearrange(x, shape, (index) => [...index.slice(0, -2), index.at(-1)!, index.at(-2)!]);
}

/** Batched product over the last two axes. */
export function product(a: Tensor, b: Tensor): Tensor {
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) as number[];
  const out = tensor([...batch, m, n]);
  forEachIndex(out.shape, (index, flat) => {
    const outer = index.slice(0, -2);
    let sum = 0;
    for (let inner = 0; inner < k; inner++)
      sum += at(a, [...outer, index.at(-2)!, inner]) * at(b, [...outer, inner, index.at(-1)!]);
    out.data[flat] = sum;
  });
  return out;
}

/** softmax over one axis. */
export function softmaxOf(x: Tensor, axis: number): Tensor {
  const max = reduce(x, [axis], true, Number.NEGATIVE_INFINITY, Math.max);
  const exp = zip([x, max], (value, top) => Math.exp(value - top));
  const sum = reduce(exp, [axis], true, 0, (total, value) => total + value);
  return zip([exp, sum], (value, total) => value / total);
}

/** The error function by its Taylor series and continued fraction, to about 1e-15 relative. */
export function erfOf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum) && n < 200; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * (size + fraction)));
}
