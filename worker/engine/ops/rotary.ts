import { fail } from '../../../api/errors.js';
import { shapeText } from '../ir/shape.js';
import { defineOp, float32, int } from './define.js';
import { at, rearrange } from './tensor.js';

/**
 * Rotary position embedding (Su et al., arXiv 2104.09864), half-split as Llama does: per head of size 2h, with c and s the
 * rows of the tables at the token's position, (x1, x2) -> (x1 c - x2 s, x2 c + x1 s). A rotation: its vjp turns back.
 */
export const rotary = defineOp<{ readonly heads: number }>({
  name: 'Rotary',
  infer: ([x, positions, cos], { heads }) => {
    const [rows, half] = cos!.shape;
    const fits = x!.shape[2] === heads * 2 * (half as number) && positions!.dtype === 'int64';
    // The kernel refuses tables shorter than the sequence, whatever the positions are.
    if (!fits || (rows as number) < (x!.shape[1] as number))
      fail('GraphInvalid', { what: `no rotation of ${shapeText(x!.shape)} by tables ${shapeText(cos!.shape)}` });
    return [float32(x!.shape)];
  },
  reference: ([x, positions, cos, sin]) => {
    const half = cos!.shape[1]!;
    const turned = rearrange(x!, x!.shape, (index) => index);
    turned.data.forEach((_, flat) => {
      const width = x!.shape[2]!;
      const [row, column] = [Math.floor(flat / width), flat % width];
      const inHead = column % (2 * half);
      const position = positions!.data[row]!;
      const [c, s] = [at(cos!, [position, inHead % half]), at(sin!, [position, inHead % half])];
      const partner = inHead < half ? -x!.data[flat + half]! : x!.data[flat - half]!;
      turned.data[flat] = x!.data[flat]! * c + partner * s;
    });
    return [turned];
  },
  vjp: ({ b, g, inputs: [, positions, cos, sin], attributes: { heads } }) => [
    b.rotary(g, positions!, cos!, b.neg(sin!), heads),
  ],
  frozen: { 2: 'the tables are constants', 3: 'the tables are constants' },
  emit: ({ e, inputs, outputs, attributes: { heads } }) => {
    e.node('RotaryEmbedding', inputs, { domain: 'com.microsoft', attributes: { num_heads: int(heads) }, outputs });
  },
  cases: [
    {
      inputs: [[2, 3, 8], { shape: [2, 3], dtype: 'int64', values: [0, 1, 2, 0, 0, 4] }, [5, 2], [5, 2]],
      attributes: { heads: 2 },
    },
  ],
});
