import type { Graph, Value } from '../ir/graph.js';
import type { OpDefinition } from '../ops/define.js';

const bytesPer = { float32: 4, int32: 4, int64: 8, bool: 1 } as const;

/** Bytes of a value; a symbolic size counts `symbolRows`. */
export const bytesOf = ({ dtype, shape }: Value, symbolRows: number): number =>
  shape.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : symbolRows), bytesPer[dtype]);

/**
 * The most bytes of results that are alive at once when the nodes run in order: a result lives from its node to its last
 * reader, a reshaped one shares the memory of what it reshapes.
 */
export function peakLiveBytes(graph: Graph, ops: ReadonlyMap<string, OpDefinition>, symbolRows: number): number {
  const owners = new Map<Value, Value>();
  const ownerOf = (value: Value): Value => owners.get(value) ?? value;
  const lastReader = new Map<Value, number>();
  graph.nodes.forEach(({ op, inputs, outputs }, i) => {
    if (op === 'Reshape') owners.set(outputs[0]!, ownerOf(inputs[0]!));
    for (const input of inputs) if (input) lastReader.set(ownerOf(input), i);
  });
  // Outputs are written into the caller's memory.
  const outside = new Set(
    [...graph.inputs, ...graph.weights, ...graph.constants, ...graph.outputs].map(({ value }) => ownerOf(value)),
  );
  const alive = new Set<Value>();
  let [now, peak] = [0, 0];
  graph.nodes.forEach((node, i) => {
    for (const output of node.outputs) {
      if (ownerOf(output) !== output || outside.has(output) || !lastReader.has(output)) continue;
      alive.add(output);
      now += bytesOf(output, symbolRows);
    }
    const scratch = 4 * (ops.get(node.op)!.scratch?.(node.inputs, symbolRows) ?? 0);
    peak = Math.max(peak, now + scratch);
    for (const input of node.inputs) {
      const owner = input && ownerOf(input);
      if (!owner || lastReader.get(owner) !== i || !alive.delete(owner)) continue;
      now -= bytesOf(owner, symbolRows);
    }
  });
  return peak;
}
