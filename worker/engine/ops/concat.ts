import { fail } from '../../../api/errors.js';
import type { Dim } from '../ir/graph.js';
import { defineOp, int } from './define.js';
import { at, forEachIndex, tensor } from './tensor.js';

/** Sum of sizes; symbols are joined into one name. */
function total(dims: readonly Dim[]): Dim {
  if (dims.every((dim) => typeof dim === 'number')) return dims.reduce<number>((sum, dim) => sum + (dim as number), 0);
  return dims.join('+');
}

export const concat = defineOp<{ readonly axis: number }>({
  name: 'Concat',
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const input of inputs)
      if (!input!.shape.every((dim, a) => a === axis || dim === first.shape[a]))
        fail('GraphInvalid', { what: `shapes differ beside axis ${axis} of a concatenation` });
    const joined = total(inputs.map((input) => input!.shape[axis]!));
    return [{ dtype: first.dtype, shape: first.shape.map((dim, a) => (a === axis ? joined : dim)) }];
  },
  reference: (inputs, { axis }) => {
    const sizes = inputs.map((input) => input!.shape[axis]!);
    const out = tensor(inputs[0]!.shape.map((dim, a) => (a === axis ? sizes.reduce((x, y) => x + y) : dim)));
    forEachIndex(out.shape, (index, flat) => {
      let [part, position] = [0, index[axis]!];
      while (position >= sizes[part]!) position -= sizes[part++]!;
      out.data[flat] = at(
        inputs[part]!,
        index.map((p, a) => (a === axis ? position : p)),
      );
    });
    return [out];
  },
  vjp: ({ b, g, inputs, attributes: { axis }, needs }) => {
    let end = 0;
    return inputs.map((input, i) => {
      const start = end;
      end += input!.shape[axis] as number;
      return needs[i] ? b.slice(g, axis, start, end) : null;
    });
  },
  emit: ({ e, inputs, outputs, attributes: { axis } }) => {
    e.node('Concat', inputs, { attributes: { axis: int(axis) }, outputs });
  },
  cheap: true,
  cases: [
    {
      inputs: [
        [2, 3],
        [2, 1],
        [2, 2],
      ],
      attributes: { axis: 1 },
    },
    {
      inputs: [
        [1, 3],
        [2, 3],
      ],
      attributes: { axis: 0 },
    },
  ],
});
