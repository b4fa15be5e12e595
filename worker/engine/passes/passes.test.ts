import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { GraphBuilder } from '../ir/builder.js';
import type { Graph } from '../ir/graph.js';
import { ops } from '../ops/index.js';
import { interpret } from '../ops/interpret.js';
import { tensor } from '../ops/tensor.js';
import { backward } from './backward.js';
import { peakLiveBytes } from './liveness.js';
import { prune } from './prune.js';
import { recomputeCheap } from './recompute.js';
import { stagesOf } from './stages.js';

const opsOf = (graph: Graph): readonly string[] => graph.nodes.map(({ op }) => op);
const invalid = (error: unknown): boolean => EspalierError.is(error, 'GraphInvalid');

describe('backward', () => {
  it('forms no gradient of frozen weights and differentiates nothing below the first wanted value', () => {
    const b = new GraphBuilder(ops);
    const x = b.input('x', 'float32', [4, 3]);
    const frozen = b.input('frozen', 'float32', [5, 3]);
    const wanted = b.input('wanted', 'float32', [2, 5]);
    const below = b.exp(b.gemm(x, frozen, null, { transB: true }));
    const above = b.gemm(below, wanted, null, { transB: true });
    const forward = b.build();
    const gradients = backward(
      b,
      forward,
      ops,
      [{ value: above, cotangent: b.input('g', 'float32', [4, 2]) }],
      [wanted],
    );
    b.output('d', gradients.get(wanted)!);
    assert.deepEqual(opsOf(prune(b.build())).slice(forward.nodes.length - 1), ['Gemm']);
  });

  it('lets a Gemm take the other contributions as its C instead of adding them', () => {
    const b = new GraphBuilder(ops);
    const z = b.input('z', 'float32', [4, 3]);
    const x = b.tanh(z);
    const weights = [0, 1, 2].map((i) => b.input(`w${i}`, 'float32', [3, 3]));
    const y = weights.reduce((sum, w) => b.gemm(x, w, sum, { transB: true }), b.exp(x));
    const forward = b.build();
    backward(b, forward, ops, [{ value: y, cotangent: b.input('g', 'float32', [4, 3]) }], [z]);
    const added = b
      .build()
      .nodes.slice(forward.nodes.length)
      .map(({ op }) => op);
    // Mul: of exp; then three Gemms, each on top of the one before; the rest is the gradient of tanh.
    assert.deepEqual(added.slice(0, 4), ['Mul', 'Gemm', 'Gemm', 'Gemm']);
    assert.ok(!added.includes('Add'));
  });

  it('gives zeros where a wanted value does not matter', () => {
    const b = new GraphBuilder(ops);
    const [x, other] = [b.input('x', 'float32', [2]), b.input('other', 'float32', [3])];
    const y = b.exp(x);
    const gradients = backward(
      b,
      b.build(),
      ops,
      [{ value: y, cotangent: b.constant(Float32Array.of(1, 1), [2]) }],
      [other],
    );
    b.output('d', gradients.get(other)!);
    const results = interpret(
      b.build(),
      ops,
      new Map([
        ['x', tensor([2])],
        ['other', tensor([3])],
      ]),
    );
    assert.deepEqual([...results.get('d')!.data], [0, 0, 0]);
  });

  it('refuses a wanted value behind an input that the op holds frozen', () => {
    const b = new GraphBuilder(ops);
    const table = b.input('table', 'float32', [4, 2]);
    const rows = b.gather(table, b.input('rows', 'int64', [3]));
    const seed = { value: rows, cotangent: b.input('g', 'float32', [3, 2]) };
    assert.throws(() => backward(b, b.build(), ops, [seed], [table]), invalid);
  });
});

describe('recomputing', () => {
  it('copies cheap producers in front of their first backward reader and changes no result', () => {
    const b = new GraphBuilder(ops);
    const x = b.input('x', 'float32', [8]);
    const y = b.mul(b.silu(x), b.exp(x));
    const forward = b.build();
    const gradients = backward(b, forward, ops, [{ value: y, cotangent: b.input('g', 'float32', [8]) }], [x]);
    b.output('d', gradients.get(x)!);
    const kept = prune(b.build());
    const again = prune(recomputeCheap(b.build(), forward.nodes.length, ops));
    assert.equal(
      opsOf(again).filter((op) => op === 'Silu').length,
      1,
      'the forward value itself is not an output here',
    );
    const inputs = new Map([
      ['x', tensor([8], [1, 2, 3, 4, -1, -2, -3, 0])],
      ['g', tensor([8], 1)],
    ]);
    assert.deepEqual(interpret(again, ops, inputs), interpret(kept, ops, inputs));
  });
});

describe('liveness', () => {
  it('counts a result until its last reader, a reshaped one once, and outputs not at all', () => {
    const b = new GraphBuilder(ops);
    const x = b.input('x', 'float32', [256]);
    const first = b.exp(x); // 1 KiB
    const square = b.reshape(first, [16, 16]);
    const second = b.exp(square); // 1 KiB beside first
    b.output('y', b.exp(second));
    assert.equal(peakLiveBytes(b.build(), ops, 0), 2048);
  });
});

describe('stages', () => {
  const chain = () => {
    const b = new GraphBuilder(ops);
    const x = b.input('x', 'float32', [4]);
    const shared = b.neg(b.input('mask', 'float32', [4]));
    const first = b.boundary(b.exp(b.add(x, shared)));
    const second = b.boundary(b.exp(b.add(first, shared)));
    return { b, first, second };
  };

  it('begin at the boundary before, and compute what all share in each', () => {
    const { b, second } = chain();
    b.output('y', b.tanh(second));
    assert.deepEqual(stagesOf(b.build()).map(opsOf), [['Neg', 'Add', 'Exp'], ['Neg', 'Add', 'Exp'], ['Tanh']]);
  });

  it('refuse a graph that reaches over a boundary', () => {
    const { b, first, second } = chain();
    b.output('y', b.add(first, second));
    assert.throws(() => stagesOf(b.build()), invalid);
  });
});

describe('the builder', () => {
  const b = new GraphBuilder(ops);
  const [x, y] = [b.input('x', 'float32', [2, 3]), b.input('y', 'float32', [4, 5])];
  const mistakes: Readonly<Record<string, () => unknown>> = {
    'shapes that do not broadcast': () => b.add(x, y),
    'a product whose inner sizes differ': () => b.gemm(x, y),
    'a batched product whose inner sizes differ': () => b.matmul(x, y),
    'an axis outside of the rank': () => b.softmax(x, 2),
    'a part outside of a size': () => b.slice(x, 1, 2, 4),
    'a reshape to another size': () => b.reshape(x, [5]),
    'a name given twice': () => b.input('x', 'float32', []),
    'an unknown op': () => b.one('Twist', [x]),
    'a constant of another size': () => b.constant(Float32Array.of(1), [2]),
  };
  for (const [what, mistake] of Object.entries(mistakes)) it(`refuses ${what}`, () => assert.throws(mistake, invalid));

  it('names the part of a symbolic size, so that equal parts fit together', () => {
    const rows = b.input('rows', 'float32', ['R', 2]);
    const parts = [b.slice(rows, 0, 0, 8), b.slice(rows, 0, 0, 8)] as const;
    assert.deepEqual(b.add(...parts).shape, ['R[0:8]', 2]);
  });
});
