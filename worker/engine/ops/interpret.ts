import type { Graph, Value } from '../ir/graph.js';
import type { OpDefinition } from './define.js';
import type { Tensor } from './tensor.js';

/** Runs a graph by the references, in float64: the oracle beside ONNX Runtime. Inputs by name; results by output name. */
export function interpret(
  graph: Graph,
  ops: ReadonlyMap<string, OpDefinition>,
  inputs: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const tensors = new Map<Value, Tensor>();
  for (const { name, value } of graph.inputs) tensors.set(value, inputs.get(name)!);
  for (const { value, data } of graph.constants)
    tensors.set(value, { shape: value.shape as readonly number[], data: Float64Array.from(data, Number) });
  for (const node of graph.nodes) {
    const values = node.inputs.map((input) => input && tensors.get(input)!);
    const results = ops.get(node.op)!.reference(values, node.attributes);
    node.outputs.forEach((output, i) => {
      tensors.set(output, results[i]!);
    });
  }
  return new Map(graph.outputs.map(({ name, value }) => [name, tensors.get(value)!]));
}
