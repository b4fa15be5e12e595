import { defineOp } from './define.js';
import { at, forEachIndex, tensor } from './tensor.js';

interface PadAttributes {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

/** Zeros before and after, along one axis: the gradient of a slice. */
export const pad = defineOp<PadAttributes>({
  name: 'Pad',
  infer: ([x], { axis, before, after }) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, a) => (a === axis ? before + (dim as number) + after : dim)) },
  ],
  reference: ([x], { axis, before, after }) => {
    const size = x!.shape[axis]!;
    const out = tensor(x!.shape.map((dim, a) => (a === axis ? before + dim + after : dim)));
    forEachIndex(out.shape, (index, flat) => {
      const inside = index[axis]! - before;
      if (inside >= 0 && inside < size)
        out.data[flat] = at(
          x!,
          index.map((p, a) => (a === axis ? inside : p)),
        );
    });
    return [out];
  },
  vjp: ({ b, g, inputs: [x], attributes: { axis, before } }) => [
    b.slice(g, axis, before, before + (x!.shape[axis] as number)),
  ],
  emit: ({ e, inputs: [x], outputs, attributes: { axis, before, after }, types }) => {
    const zeros = types.inputs[0]!.shape.map(() => 0);
    const pads = [...zeros.map((_, a) => (a === axis ? before : 0)), ...zeros.map((_, a) => (a === axis ? after : 0))];
    e.node('Pad', [x!, e.ints(pads)], { outputs });
  },
  cases: [{ inputs: [[2, 3]], attributes: { axis: 1, before: 1, after: 2 } }],
});
