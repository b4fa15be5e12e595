import { fail } from '../../../api/errors.js';
import { canonicalJson, sha256 } from '../../../common/hash.js';
import type { ConstantData, Graph, Named, Node, Value, Weight } from '../ir/graph.js';

/** Name of the input that carries the hidden state into a stage, and of the output that carries it out. */
export const stageInput = 'stage.in';
export const stageOutput = 'stage.out';

/**
 * Cuts a forward graph at its boundaries: stage k computes boundary k (the last stage: the graph's outputs) from boundary
 * k - 1. What depends on no boundary, such as masks, is computed in each stage that uses it.
 */
export function stagesOf(graph: Graph): readonly Graph[] {
  const producers = new Map<Value, Node>();
  for (const node of graph.nodes) for (const output of node.outputs) producers.set(output, node);
  const cuts: readonly Value[] = graph.boundaries;
  return Array.from({ length: cuts.length + 1 }, (_, k) => {
    const outputs = k < cuts.length ? [{ name: stageOutput, value: cuts[k]! }] : graph.outputs;
    return extract(graph, producers, outputs, cuts[k - 1], new Set(cuts.slice(0, Math.max(0, k - 1))));
  });
}

function extract(
  graph: Graph,
  producers: ReadonlyMap<Value, Node>,
  outputs: readonly Named[],
  entry: Value | undefined,
  foreign: ReadonlySet<Value>,
): Graph {
  const used = new Set<Value>();
  const needed = new Set<Node>();
  const open = outputs.map(({ value }) => value);
  for (let value = open.pop(); value; value = open.pop()) {
    if (used.has(value)) continue;
    used.add(value);
    if (foreign.has(value))
      fail('GraphInvalid', { what: 'a layer reads the result of another than the one before it' });
    const producer = value === entry ? undefined : producers.get(value);
    if (!producer || needed.has(producer)) continue;
    needed.add(producer);
    for (const input of producer.inputs) if (input) open.push(input);
  }
  const inputs = graph.inputs.filter(({ value }) => used.has(value));
  return {
    inputs: entry && used.has(entry) ? [{ name: stageInput, value: entry }, ...inputs] : inputs,
    weights: graph.weights.filter(({ value }) => used.has(value)),
    constants: graph.constants.filter(({ value }) => used.has(value)),
    nodes: graph.nodes.filter((node) => needed.has(node)),
    outputs,
    boundaries: [],
  };
}

/** A stage in neutral names: layers that differ only in their weights become equal. */
export interface NeutralStage {
  readonly graph: Graph;
  /** Neutral name of a renamed input or output -> its name in the model. */
  readonly names: ReadonlyMap<string, string>;
  /** The weights in order, as the neutral inputs `weight.0`, `weight.1`, ... if they are fed. */
  readonly weights: readonly Weight[];
  /** Equal keys: one session serves both stages. */
  readonly key: string;
}

/** Renames a stage's private inputs (`isPrivate`) to `private.0`, ... and the outputs that carry their gradients likewise. */
export function neutral(
  stage: Graph,
  isPrivate: (name: string) => boolean,
  rename: (name: string, neutralName: string) => readonly [output: string, neutralOutput: string],
): NeutralStage {
  const names = new Map<string, string>();
  const outputNames = new Map<string, string>();
  // In order of use, not of name: layer 10 must not differ from layer 2 by how their names sort.
  const order = useOrder(stage);
  const privates = stage.inputs.filter(({ name }) => isPrivate(name)).sort((a, b) => order(a.value) - order(b.value));
  const neutralOf = new Map(privates.map(({ name }, i) => [name, `private.${i}`]));
  for (const [name, neutralName] of neutralOf) {
    names.set(neutralName, name);
    const [output, neutralOutput] = rename(name, neutralName);
    outputNames.set(output, neutralOutput);
    names.set(neutralOutput, output);
  }
  const weights = [...stage.weights].sort((a, b) => order(a.value) - order(b.value));
  const inputs = [
    ...stage.inputs.filter(({ name }) => !isPrivate(name)),
    ...privates.map(({ name, value }) => ({ name: neutralOf.get(name)!, value })),
  ];
  const outputs = stage.outputs
    .map(({ name, value }) => ({ name: outputNames.get(name) ?? name, value }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const graph = { ...stage, inputs, outputs };
  return { graph, names, weights, key: keyOf(graph, weights) };
}

/** The same stage with its weights as inputs, to be fed. */
export const withFedWeights = ({ graph, weights }: NeutralStage): Graph => ({
  ...graph,
  inputs: [...graph.inputs, ...weights.map(({ value }, i) => ({ name: fedWeight(i), value }))],
  weights: [],
});

export const fedWeight = (index: number): string => `weight.${index}`;

const bytesOf = ({ buffer, byteOffset, byteLength }: ConstantData): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function useOrder(stage: Graph): (value: Value) => number {
  const first = new Map<Value, number>();
  for (const node of stage.nodes)
    for (const input of node.inputs) if (input && !first.has(input)) first.set(input, first.size);
  return (value) => first.get(value) ?? Number.MAX_SAFE_INTEGER;
}

/** Structure, attributes, types and constants of a stage, free of names and of value ids. */
function keyOf(graph: Graph, weights: readonly Weight[]): string {
  const numbers = new Map<Value, number>();
  const numberOf = (value: Value | null): number => {
    if (value === null) return -1;
    if (!numbers.has(value)) numbers.set(value, numbers.size);
    return numbers.get(value)!;
  };
  const type = ({ name, value }: Named) => [name, numberOf(value), value.dtype, value.shape];
  return canonicalJson([
    graph.inputs.map(type),
    weights.map(({ value }) => [numberOf(value), value.shape]),
    graph.nodes.map(({ op, inputs, attributes, outputs }) => [
      op,
      inputs.map(numberOf),
      attributes,
      outputs.map(numberOf),
    ]),
    graph.constants.map(({ value, data }) => [numberOf(value), value.shape, sha256(bytesOf(data))]),
    graph.outputs.map(type),
  ]);
}
