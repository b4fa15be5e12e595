import { broadcastShapes } from '../ir/shape.js';
import { defineOp, plain } from './define.js';
import { zip } from './tensor.js';

export const where = defineOp<Record<string, never>>({
  name: 'Where',
  infer: ([condition, a, b]) => [
    { dtype: a!.dtype, shape: broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape)) },
  ],
  reference: ([condition, a, b]) => [zip([condition!, a!, b!], (test, left, right) => (test !== 0 ? left : right))],
  vjp: ({ b, g, inputs: [condition], needs }) => [
    null,
    needs[1] ? b.where(condition!, g, 0) : null,
    needs[2] ? b.where(condition!, 0, g) : null,
  ],
  emit: plain('Where'),
  cases: [
    { inputs: [{ shape: [3, 1], dtype: 'bool', values: [1, 0, 1] }, [3, 4], [3, 4]] },
    { inputs: [{ shape: [2, 3], dtype: 'bool', values: [1, 0, 1, 0, 0, 1] }, [3], []] },
  ],
});
