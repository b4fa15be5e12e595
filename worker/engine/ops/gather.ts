import { defineOp, int } from './define.js';
import { at, rearrange } from './tensor.js';

/** Slices of a frozen table along an axis, e.g. token embeddings. */
export const gather = defineOp<{ readonly axis: number }>({
  name: 'Gather',
  infer: ([table, indices], { axis }) => [
    {
      dtype: table!.dtype,
      shape: [...table!.shape.slice(0, axis), ...indices!.shape, ...table!.shape.slice(axis + 1)],
    },
  ],
  reference: ([table, indices], { axis }) => {
    const rank = indices!.shape.length;
    const shape = [...table!.shape.slice(0, axis), ...indices!.shape, ...table!.shape.slice(axis + 1)];
    return [
      rearrange(table!, shape, (index) => [
        ...index.slice(0, axis),
        at(indices!, index.slice(axis, axis + rank)),
        ...index.slice(axis + rank),
      ]),
    ];
  },
  vjp: () => [null, null],
  frozen: { 0: 'tables belong to the base; a differentiable choice of rows is GatherRows' },
  emit: ({ e, inputs, outputs, attributes: { axis } }) => {
    e.node('Gather', inputs, { attributes: { axis: int(axis) }, outputs });
  },
  cases: [
    { inputs: [[5, 3], { shape: [2, 2], dtype: 'int64', values: [4, 0, 1, 1] }], attributes: { axis: 0 } },
    { inputs: [[2, 4, 3], { shape: [2], dtype: 'int32', values: [3, 1] }], attributes: { axis: 1 } },
  ],
});
