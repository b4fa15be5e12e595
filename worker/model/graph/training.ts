import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Graph, Value } from '../../engine/ir/graph.js';
import { type HeadChunk, headLoss } from '../blocks/head.js';
import { type AdapterInputs, withoutDropout } from './decoder.js';
import { headChunks } from './inputs.js';
import { beginSequenceGraph, type SequenceGraphOptions } from './tokens.js';

export interface LossGraphOptions extends SequenceGraphOptions {
  /** Supervised rows per chunk of the head. */
  readonly headChunk: number;
}

export interface LossGraph {
  /** Has one output, `loss`. */
  readonly graph: Graph;
  /** Sum of token losses, a scalar. */
  readonly loss: Value;
  /** Adapter tensors by PEFT key, in order of name: what `backward` is asked for. */
  readonly wanted: AdapterInputs;
}

/**
 * Forward pass and loss of one micro-batch. Inputs: those of `createMicroBatchFeeds` (inputs.ts) and one per adapter tensor
 * under its PEFT key; dropout masks are among them where the method drops.
 */
export function buildTrainingGraph(options: LossGraphOptions): LossGraph {
  const { shape, headChunk, method } = options;
  const { b, forward, adapter, hidden } = beginSequenceGraph(options);
  const chunks = Array.from({ length: headChunks(shape, headChunk) }, (_, chunk) =>
    headChunkInputs(b, chunk, shape.rows * shape.tokens),
  );
  const loss = headLoss(forward, hidden, chunks, method?.modules.includes('lm_head') ?? false);
  b.output('loss', loss);
  return { graph: b.build(), loss, wanted: adapter };
}

/** The same without dropout: for evaluation. */
export const buildLossGraph = (options: LossGraphOptions): LossGraph => buildTrainingGraph(withoutDropout(options));

function headChunkInputs(b: GraphBuilder, chunk: number, tokens: number): HeadChunk {
  const rows = `R${chunk}`;
  return {
    index: b.input(`head_index_${chunk}`, 'int64', [rows]),
    inverse: b.input(`head_inverse_${chunk}`, 'int64', [tokens]),
    labels: b.input(`head_labels_${chunk}`, 'int64', [rows]),
    weights: b.input(`head_weights_${chunk}`, 'float32', [rows]),
  };
}
