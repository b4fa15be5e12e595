import { erf, exp, gelu, log, sigmoid, silu, tanh } from './activations.js';
import { add, div, mul, neg, sqrt, sub } from './arithmetic.js';
import { attention } from './attention.js';
import { cast } from './cast.js';
import { and, equal, greaterOrEqual, less } from './comparisons.js';
import { concat } from './concat.js';
import type { OpDefinition } from './define.js';
import { expand } from './expand.js';
import { gather } from './gather.js';
import { gatherRows } from './gatherRows.js';
import { gemm } from './gemm.js';
import { linearCrossEntropy } from './linearCrossEntropy.js';
import { matMul } from './matmul.js';
import { pad } from './pad.js';
import { reduceMax, reduceMean, reduceSum, reduceSumSquare } from './reductions.js';
import { reshape } from './reshape.js';
import { rmsNorm } from './rmsNorm.js';
import { rotary } from './rotary.js';
import { slice } from './slice.js';
import { softmax } from './softmax.js';
import { split } from './split.js';
import { transpose } from './transpose.js';
import { where } from './where.js';

/** The one registry of ops. */
export const ops: ReadonlyMap<string, OpDefinition> = new Map(
  [
    ...[add, sub, mul, div, neg, sqrt, exp, log, sigmoid, tanh, erf, silu, gelu],
    ...[matMul, gemm, softmax, attention, rmsNorm, rotary, linearCrossEntropy],
    ...[reshape, transpose, slice, pad, concat, split, expand, gather, gatherRows],
    ...[reduceSum, reduceMean, reduceMax, reduceSumSquare],
    ...[equal, greaterOrEqual, less, and, where, cast],
  ].map((op) => [op.name, op]),
);
