import type { DType } from '../ir/graph.js';
import { defineOp, int } from './define.js';

/** TensorProto.DataType. */
export const onnxType: Readonly<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

export const cast = defineOp<{ readonly dtype: DType }>({
  name: 'Cast',
  infer: ([x], { dtype }) => [{ dtype, shape: x!.shape }],
  reference: ([x], { dtype }) => [
    dtype === 'float32'
      ? x!
      : { shape: x!.shape, data: x!.data.map(dtype === 'bool' ? (v) => Number(v !== 0) : Math.trunc) },
  ],
  stops: 'casts serve masks and indices',
  emit: ({ e, inputs, outputs, attributes: { dtype } }) => {
    e.node('Cast', inputs, { attributes: { to: int(onnxType[dtype]) }, outputs });
  },
  cases: [
    { inputs: [{ shape: [4], dtype: 'int32', values: [0, 1, -3, 7] }], attributes: { dtype: 'float32' } },
    { inputs: [{ shape: [4], dtype: 'int32', values: [0, 1, -3, 7] }], attributes: { dtype: 'bool' } },
  ],
});
