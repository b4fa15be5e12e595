import { fail } from '../../../api/errors.js';
import { shapeText } from '../ir/shape.js';
import { defineOp, float32, int } from './define.js';
import { at, product, rearrange, reduce, softmaxOf, swapLast, tensor, zip } from './tensor.js';

/**
 * Loss of a language-model head over some rows: sum of w (logsumexp(z) - z[label]) with z = h E^T, h `[rows, width]`,
 * E `[vocab, width]` frozen. The second output is d loss / d h = w (softmax(z) E - E[label]), computed while z is at hand,
 * so neither logits nor probabilities outlive the op. Nobody reads it in a forward-only graph, and then it is not computed.
 */
export const linearCrossEntropy = defineOp<Record<string, never>>({
  name: 'LinearCrossEntropy',
  infer: ([h, head, labels, weights]) => {
    const rows = h!.shape[0]!;
    const fits = h!.shape[1] === head!.shape[1] && labels!.shape[0] === rows && weights!.shape[0] === rows;
    if (!fits)
      fail('GraphInvalid', {
        what: `no loss of ${[h, head, labels, weights].map((x) => x && shapeText(x.shape)).join(', ')}`,
      });
    return [float32([]), float32(h!.shape)];
  },
  reference: ([h, head, labels, weights]) => {
    const [rows, width] = h!.shape as [number, number];
    const p = softmaxOf(product(h!, swapLast(head!)), 1);
    const perRow = tensor(
      [rows, 1],
      Array.from(labels!.data, (label, row) => -Math.log(at(p, [row, label]))),
    );
    const weightColumn = { shape: [rows, 1], data: weights!.data };
    const loss = reduce(
      zip([perRow, weightColumn], (a, b) => a * b),
      [0, 1],
      false,
      0,
      (sum, x) => sum + x,
    );
    const atLabel = rearrange(head!, [rows, width], ([row, column]) => [labels!.data[row!]!, column!]);
    const slope = zip([product(p, head!), atLabel, weightColumn], (mean, target, w) => w * (mean - target));
    return [loss, slope];
  },
  vjp: ({ b, g, outputs }) => [b.mul(outputs[1]!, g), null, null, null],
  saved: [1],
  // Logits and probabilities.
  scratch: ([, head], rows) => 2 * rows * (head!.shape[0] as number),
  frozen: { 1: 'the head is a weight of the base', 3: 'loss weights are data' },
  emit: ({ e, inputs: [h, head, labels, weights], outputs: [loss, slope] }) => {
    const logits = e.node('Gemm', [h!, head!], { attributes: { transB: int(1) } });
    const p = e.node('Softmax', [logits], { attributes: { axis: int(-1) } });
    // logsumexp = max - log(p at the maximum): p there is at least 1 / vocab, so the logarithm is safe.
    const top = e.node('ReduceMax', [logits, e.ints([1])], { attributes: { keepdims: int(1) } });
    const pTop = e.node('ReduceMax', [p, e.ints([1])], { attributes: { keepdims: int(1) } });
    const labelColumn = e.node('Unsqueeze', [labels!, e.ints([1])]);
    const target = e.node('GatherElements', [logits, labelColumn], { attributes: { axis: int(1) } });
    const nll = e.node('Sub', [e.node('Sub', [top, target]), e.node('Log', [pTop])]);
    const weightColumn = e.node('Unsqueeze', [weights!, e.ints([1])]);
    const weighted = e.node('Mul', [nll, weightColumn]);
    if (loss) e.node('ReduceSum', [weighted, e.ints([0, 1])], { attributes: { keepdims: int(0) }, outputs: [loss] });
    if (!slope) return;
    const minusTarget = e.node('Neg', [e.node('Gather', [head!, labels!])]);
    e.node('Mul', [e.node('Gemm', [p, head!, minusTarget]), weightColumn], { outputs: [slope] });
  },
  cases: [
    {
      inputs: [
        [3, 4],
        [6, 4],
        { shape: [3], dtype: 'int64', values: [5, 0, 2] },
        { shape: [3], dtype: 'float32', values: [1, 0.5, 0] },
      ],
    },
  ],
});
