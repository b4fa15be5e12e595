import { defineOp, float32, int } from './define.js';
import { at, rearrange } from './tensor.js';

/**
 * Rows of x `[n, width]` at index `[R]`. inverse `[n]` gives for each row of x its place in index, or R: the gradient is a
 * gather from the cotangent with one zero row behind it, where a scatter would add in an unknown order.
 * Rows that appear more than once in index (padding of the last chunk) must carry no gradient beyond the first.
 */
export const gatherRows = defineOp<Record<string, never>>({
  name: 'GatherRows',
  infer: ([x, index]) => [float32([index!.shape[0]!, x!.shape[1]!])],
  reference: ([x, index]) => [
    rearrange(x!, [index!.shape[0]!, x!.shape[1]!], ([row, column]) => [at(index!, [row!]), column!]),
  ],
  vjp: ({ b, g, inputs: [x, , inverse] }) => [
    b.gather(b.concat([g, b.zeros([1, x!.shape[1] as number])], 0), inverse!, 0),
  ],
  emit: ({ e, inputs: [x, index], outputs }) => {
    e.node('Gather', [x!, index!], { attributes: { axis: int(0) }, outputs });
  },
  cases: [
    {
      inputs: [
        [5, 3],
        { shape: [3], dtype: 'int64', values: [4, 0, 2] },
        { shape: [5], dtype: 'int64', values: [1, 3, 2, 3, 0] },
      ],
    },
  ],
});
