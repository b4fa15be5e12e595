import type { Graph } from '../../engine/ir/graph.js';
import { logits } from '../blocks/head.js';
import { withoutDropout } from './decoder.js';
import { beginSequenceGraph, type SequenceGraphOptions } from './tokens.js';

/** Logits of every position: output `logits` [rows * tokens, vocab]. Inputs as in the training graph, without the head's. */
export function buildLogitsGraph(options: SequenceGraphOptions): Graph {
  const { b, forward, hidden } = beginSequenceGraph(withoutDropout(options));
  b.output('logits', logits(forward, hidden));
  return b.build();
}
