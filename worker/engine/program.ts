import { GraphBuilder } from './ir/builder.js';
import type { Graph, Value } from './ir/graph.js';
import { toOnnx } from './onnx/model.js';
import type { OpDefinition, Provider } from './ops/define.js';
import { ops } from './ops/index.js';
import { backward } from './passes/backward.js';
import { prune } from './passes/prune.js';
import { recomputeCheap } from './passes/recompute.js';

/** Name of the output that holds the gradient of an adapter tensor. */
export const gradientOutput = (name: string): string => `gradient.${name}`;

/**
 * The training graph: what `forward` computes, and for each wanted input the gradient of `loss` under `gradientOutput`.
 * Cheap forward results are computed again in the backward part rather than kept.
 */
export function trainingGraph(
  forward: Graph,
  loss: Value,
  wanted: ReadonlyMap<string, Value>,
  table: ReadonlyMap<string, OpDefinition> = ops,
): Graph {
  const b = new GraphBuilder(table, forward);
  const seed = { value: loss, cotangent: b.scalar(1) };
  const gradients = backward(b, forward, table, [seed], [...wanted.values()]);
  for (const [name, value] of wanted) b.output(gradientOutput(name), gradients.get(value)!);
  return prune(recomputeCheap(b.build(), forward.nodes.length, table));
}

/** ONNX bytes of a graph for a provider. */
export const compile = (graph: Graph, provider: Provider): Uint8Array => toOnnx(graph, ops, provider);
