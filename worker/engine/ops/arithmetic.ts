import { binary, unary } from './elementwise.js';

export const add = binary(
  'Add',
  (a, b) => a + b,
  ({ g }) => [g, g],
);

export const sub = binary(
  'Sub',
  (a, b) => a - b,
  ({ b, g, needs }) => [g, needs[1] ? b.neg(g) : null],
);

export const mul = binary(
  'Mul',
  (a, b) => a * b,
  ({ b, g, needs }, left, right) => [needs[0] ? b.mul(g, right) : null, needs[1] ? b.mul(g, left) : null],
  { cheap: true },
);

export const div = binary(
  'Div',
  (a, b) => a / b,
  ({ b, g, needs, outputs }, _, right) => {
    const dleft = b.div(g, right);
    return [dleft, needs[1] ? b.neg(b.mul(dleft, outputs[0]!)) : null];
  },
  { positiveRight: true, cheap: true },
);

export const neg = unary('Neg', { f: (x) => -x, vjp: ({ b, g }) => b.neg(g), cheap: true });

export const sqrt = unary('Sqrt', {
  f: Math.sqrt,
  vjp: ({ b, g }, _, y) => b.div(b.mul(g, 0.5), y),
  fill: 'positive',
  cheap: true,
});
