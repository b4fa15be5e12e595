import { defineOp, float, float32 } from './define.js';
import { unary } from './elementwise.js';
import { erfOf, map } from './tensor.js';

const sigmoidOf = (x: number) => 1 / (1 + Math.exp(-x));

export const exp = unary('Exp', { f: Math.exp, vjp: ({ b, g }, _, y) => b.mul(g, y) });

export const log = unary('Log', { f: Math.log, vjp: ({ b, g }, x) => b.div(g, x), fill: 'positive' });

export const sigmoid = unary('Sigmoid', {
  f: sigmoidOf,
  vjp: ({ b, g }, _, y) => b.mul(g, b.mul(y, b.sub(1, y))),
  cheap: true,
});

export const tanh = unary('Tanh', { f: Math.tanh, vjp: ({ b, g }, _, y) => b.mul(g, b.sub(1, b.mul(y, y))) });

/** d erf = 2/sqrt(pi) exp(-x^2). */
export const erf = unary('Erf', {
  f: erfOf,
  vjp: ({ b, g }, x) => b.mul(g, b.mul(b.exp(b.neg(b.mul(x, x))), 2 / Math.sqrt(Math.PI))),
});

/** x sigmoid(x); ONNX's contributed QuickGelu with alpha 1 is one pass over memory. d = y + s (1 - y), s = sigmoid(x). */
export const silu = unary('Silu', {
  f: (x) => x * sigmoidOf(x),
  vjp: ({ b, g }, x, y) => b.mul(g, b.add(y, b.mul(b.sigmoid(x), b.sub(1, y)))),
  cheap: true,
  emit: ({ e, inputs, outputs }) => {
    if (e.provider === 'cpu')
      e.node('QuickGelu', inputs, { domain: 'com.microsoft', attributes: { alpha: float(1) }, outputs });
    else e.node('Mul', [inputs[0]!, e.node('Sigmoid', inputs)], { outputs });
  },
});

const c = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** Hendrycks and Gimpel, arXiv 1606.08415: x Phi(x), exact or with tanh(c (x + 0.044715 x^3)). */
export const gelu = defineOp<{ readonly approximate: 'none' | 'tanh' }>({
  name: 'Gelu',
  infer: ([x]) => [float32(x!.shape)],
  reference: ([x], { approximate }) => [
    map(x!, (value) =>
      approximate === 'tanh'
        ? 0.5 * value * (1 + Math.tanh(c * (value + cubic * value ** 3)))
        : 0.5 * value * (1 + erfOf(value / Math.SQRT2)),
    ),
  ],
  vjp: ({ b, g, inputs: [x], attributes: { approximate } }) => {
    const square = b.mul(x!, x!);
    if (approximate === 'none') {
      const cdf = b.mul(b.add(b.erf(b.mul(x!, Math.SQRT1_2)), 1), 0.5);
      const density = b.mul(b.exp(b.mul(square, -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [b.mul(g, b.add(cdf, b.mul(x!, density)))];
    }
    const t = b.tanh(b.mul(b.mul(x!, b.add(b.mul(square, cubic), 1)), c));
    const inner = b.mul(b.add(b.mul(square, 3 * cubic), 1), c);
    const slope = b.mul(b.mul(x!, b.sub(1, b.mul(t, t))), inner);
    return [b.mul(g, b.mul(b.add(b.add(t, 1), slope), 0.5))];
  },
  // Composed of plain ops: contributed Gelu kernels differ between providers.
  emit: ({ e, inputs: [x], outputs, attributes: { approximate } }) => {
    let inner: string;
    if (approximate === 'tanh') {
      const cube = e.node('Mul', [e.node('Mul', [x!, x!]), x!]);
      inner = e.node('Tanh', [e.node('Mul', [e.node('Add', [x!, e.node('Mul', [cube, e.float(cubic)])]), e.float(c)])]);
    } else inner = e.node('Erf', [e.node('Mul', [x!, e.float(Math.SQRT1_2)])]);
    const half = e.node('Mul', [x!, e.float(0.5)]);
    e.node('Mul', [half, e.node('Add', [inner, e.float(1)])], { outputs });
  },
  cheap: true,
  cases: [
    { inputs: [[3, 7]], attributes: { approximate: 'none' } },
    { inputs: [[3, 7]], attributes: { approximate: 'tanh' } },
  ],
});
