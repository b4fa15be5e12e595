import type { MicroBatchShape } from '../../engine/engine.js';
import { GraphBuilder } from '../../engine/ir/builder.js';
import type { Value } from '../../engine/ir/graph.js';
import { ops } from '../../engine/ops/index.js';
import { causalAttention } from '../blocks/causal.js';
import type { Forward } from '../blocks/forward.js';
import { type AdaptedModel, type AdapterInputs, createForward, decode } from './decoder.js';

export interface SequenceGraphOptions extends AdaptedModel {
  readonly shape: MicroBatchShape;
  /** Queries per block of causal attention. */
  readonly attentionBlock: number;
}

export interface SequenceGraph {
  readonly b: GraphBuilder;
  readonly forward: Forward;
  readonly adapter: AdapterInputs;
  /** [rows * tokens, hidden], before the final norm. */
  readonly hidden: Value;
}

/** Begins a graph over whole sequences: declares `ids`, `positions`, `documents`, `rope_cos`, `rope_sin`, runs all layers. */
export function beginSequenceGraph(options: SequenceGraphOptions): SequenceGraph {
  const { spec, shape } = options;
  const { rows: batch, tokens } = shape;
  const b = new GraphBuilder(ops);
  const ids = b.input('ids', 'int64', [batch * tokens]);
  const positions = b.input('positions', 'int64', [batch, tokens]);
  const documents = b.input('documents', 'int32', [batch, tokens]);
  const cos = b.input('rope_cos', 'float32', [tokens, spec.headDim / 2]);
  const sin = b.input('rope_sin', 'float32', [tokens, spec.headDim / 2]);
  const { forward, adapter } = createForward(options, {
    b,
    batch,
    tokens,
    rotate: (x, heads) => b.rotary(x, positions, cos, sin, heads),
    attend: causalAttention(b, spec, { documents, batch, tokens, block: options.attentionBlock }),
  });
  return { b, forward, adapter, hidden: decode(forward, ids) };
}
