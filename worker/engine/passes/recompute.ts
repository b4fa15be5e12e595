import type { Graph, Node, Value } from '../ir/graph.js';
import type { OpDefinition } from '../ops/define.js';

/**
 * Lets the backward pass (nodes from `firstBackward` on) compute cheap forward results again instead of keeping them: norms,
 * activations, products and slices are a few passes over memory, but kept they are most of the activations. The copy is
 * placed before its first use. Bits do not change: the same kernel sees the same inputs.
 */
export function recomputeCheap(graph: Graph, firstBackward: number, ops: ReadonlyMap<string, OpDefinition>): Graph {
  const producers = new Map<Value, Node>();
  for (const node of graph.nodes.slice(0, firstBackward))
    for (const output of node.outputs) producers.set(output, node);
  const again = new Map<Value, Value>();
  const nodes = graph.nodes.slice(0, firstBackward);
  let nextId = graph.nodes.reduce((next, node) => node.outputs.reduce((n, { id }) => Math.max(n, id + 1), next), 0);
  for (const { value } of [...graph.inputs, ...graph.weights, ...graph.constants])
    nextId = Math.max(nextId, value.id + 1);

  const recomputed = (value: Value): Value => {
    const producer = producers.get(value);
    if (!producer || !ops.get(producer.op)!.cheap) return value;
    if (!again.has(value)) {
      const inputs = producer.inputs.map((input) => input && recomputed(input));
      const outputs = producer.outputs.map((output) => ({ ...output, id: nextId++ }));
      nodes.push({ ...producer, inputs, outputs });
      producer.outputs.forEach((output, i) => {
        again.set(output, outputs[i]!);
      });
    }
    return again.get(value)!;
  };

  for (const node of graph.nodes.slice(firstBackward))
    nodes.push({ ...node, inputs: node.inputs.map((input) => input && recomputed(input)) });
  return { ...graph, nodes };
}
