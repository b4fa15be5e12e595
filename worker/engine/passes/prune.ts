import type { Graph, Node } from '../ir/graph.js';

/** Keeps what the outputs need: nodes, weights and constants nobody reads go. Graph inputs stay, they are the interface. */
export function prune(graph: Graph): Graph {
  const used = new Set(graph.outputs.map(({ value }) => value));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) if (input) used.add(input);
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    weights: graph.weights.filter(({ value }) => used.has(value)),
    constants: graph.constants.filter(({ value }) => used.has(value)),
    boundaries: graph.boundaries.filter((value) => used.has(value)),
  };
}
