import type { ConstantData, Constant, Graph, Node, Value } from '../ir/graph.js';
import type { OpDefinition } from '../ops/define.js';
import type { Tensor } from '../ops/tensor.js';

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

/**
 * Computes nodes whose inputs are all constants, once per distinct node (each layer's backward pass negates the same sine
 * table), by the float64 reference rounded to float32.
 */
export function foldConstants(graph: Graph, ops: ReadonlyMap<string, OpDefinition>): Graph {
  const known = new Map(graph.constants.map((constant) => [constant.value, constant]));
  const folded = new Map<string, readonly Constant[]>();
  const replaced = new Map<Value, Value>();
  const nodes: Node[] = [];
  for (const original of graph.nodes) {
    const inputs = original.inputs.map((input) => input && (replaced.get(input) ?? input));
    const node = { ...original, inputs };
    const constants = inputs.map((input) => input && known.get(input));
    if (constants.length === 0 || !constants.every((constant) => constant?.value.dtype === 'float32')) {
      nodes.push(node);
      continue;
    }
    const key = JSON.stringify([node.op, inputs.map((input) => input!.id), node.attributes]);
    const results = folded.get(key) ?? evaluate(node, constants as Constant[], ops.get(node.op)!);
    folded.set(key, results);
    node.outputs.forEach((output, i) => {
      replaced.set(output, results[i]!.value);
      known.set(results[i]!.value, results[i]!);
    });
  }
  const now = (value: Value): Value => replaced.get(value) ?? value;
  return {
    ...graph,
    nodes,
    constants: [...known.values()],
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: now(value) })),
    boundaries: graph.boundaries.map(now),
  };
}

function evaluate(node: Node, constants: readonly Constant[], op: OpDefinition): Constant[] {
  const results = op.reference(constants.map(toTensor), node.attributes);
  return results.map(({ data }, i) => ({ value: node.outputs[i]!, data: toData(data, node.outputs[i]!.dtype === 'bool') }));
}

const toTensor = ({ value, data }: Constant): Tensor => ({
  shape: value.shape as readonly number[],
  data: Float64Array.from(data as Float32Array),
});

const toData = (data: Float64Array, truth: boolean): ConstantData => (truth ? Uint8Array.from(data) : Float32Array.from(data));
