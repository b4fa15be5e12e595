import type { ConstantData, DType, Graph, TensorType, Value } from '../ir/graph.js';
import { onnxType } from '../ops/cast.js';
import type { Emitter, OnnxAttribute, OpDefinition, Provider } from '../ops/define.js';
import { WireWriter } from './wire.js';

/** Field numbers and enums of onnx.proto3 (github.com/onnx/onnx), next to their use. */
const irVersion = 9;
const opset = 18;
const attributeType = { float: 1, int: 2, ints: 7 } as const;

/**
 * The graph as an ONNX model. Weights stay where they are: external data points into the safetensors files.
 *
 * Nodes are written in reverse. ONNX Runtime orders a graph by depth-first search from its leaves and prefers high node
 * indices; reversed, that search follows the order of the IR, so that each gradient is finished, and what it needs is freed,
 * before the next layer begins. In IR order all weight gradients would come last and keep every activation alive.
 */
export function toOnnx(graph: Graph, ops: ReadonlyMap<string, OpDefinition>, provider: Provider): Uint8Array {
  const writer = new GraphWriter(graph, provider);
  for (const node of graph.nodes) {
    ops.get(node.op)!.emit({
      e: writer,
      inputs: node.inputs.map((input) => (input ? writer.name(input) : '')),
      outputs: node.outputs.map((output) => (writer.isUsed(output) ? writer.name(output) : '')),
      attributes: node.attributes,
      types: node,
    });
  }
  return writer.finish();
}

class GraphWriter implements Emitter {
  readonly provider: Provider;
  readonly #graph: Graph;
  readonly #names = new Map<Value, string>();
  readonly #used = new Set<Value>();
  readonly #nodes: Uint8Array[] = [];
  readonly #initializers: Uint8Array[] = [];
  readonly #small = new Map<string, string>();
  #fresh = 0;

  constructor(graph: Graph, provider: Provider) {
    this.#graph = graph;
    this.provider = provider;
    for (const { name, value } of [...graph.inputs, ...graph.weights]) this.#names.set(value, name);
    for (const node of graph.nodes) for (const input of node.inputs) if (input) this.#used.add(input);
    for (const { value, name } of graph.outputs) {
      this.#used.add(value);
      if (!this.#names.has(value)) this.#names.set(value, name);
    }
    for (const { value, data } of graph.constants) this.#initializer(this.name(value), value, data);
    for (const { name, value, location } of graph.weights)
      this.#initializers.push(externalTensor(name, value, location));
  }

  name(value: Value): string {
    const known = this.#names.get(value) ?? `$${value.id}`;
    this.#names.set(value, known);
    return known;
  }

  isUsed(value: Value): boolean {
    return this.#used.has(value);
  }

  node(type: string, inputs: readonly string[], options: Parameters<Emitter['node']>[2] = {}): string {
    const outputs = options.outputs ?? [`$t${this.#fresh++}`];
    const writer = new WireWriter();
    for (const input of inputs) writer.text(1, input);
    for (const output of outputs) writer.text(2, output);
    writer.text(3, `n${this.#nodes.length}`).text(4, type);
    for (const [name, attribute] of Object.entries(options.attributes ?? {}))
      writer.message(5, (inner) => writeAttribute(inner, name, attribute));
    if (options.domain) writer.text(7, options.domain);
    this.#nodes.push(writer.finish());
    return outputs[0]!;
  }

  ints(values: readonly number[]): string {
    return this.#smallConstant(`i${values.join('_')}`, 'int64', [values.length], () =>
      BigInt64Array.from(values, (value) => BigInt(value)),
    );
  }

  float(value: number): string {
    return this.#smallConstant(`f${value}`, 'float32', [], () => Float32Array.of(value));
  }

  finish(): Uint8Array {
    const graph = new WireWriter();
    this.#aliasOutputs();
    for (const node of this.#nodes.reverse()) graph.bytes(1, node);
    graph.text(2, 'espalier');
    for (const initializer of this.#initializers) graph.bytes(5, initializer);
    for (const { name, value } of this.#graph.inputs) graph.message(11, (inner) => writeValueInfo(inner, name, value));
    for (const { name, value } of this.#graph.outputs) graph.message(12, (inner) => writeValueInfo(inner, name, value));
    return new WireWriter()
      .int(1, irVersion)
      .text(2, 'espalier')
      .bytes(7, graph.finish())
      .message(8, (domain) => domain.text(1, '').int(2, opset))
      .message(8, (domain) => domain.text(1, 'com.microsoft').int(2, 1))
      .finish();
  }

  /** A value that is an input, or is output under two names, gets its further names by Identity. */
  #aliasOutputs(): void {
    for (const { name, value } of this.#graph.outputs)
      if (this.name(value) !== name) this.node('Identity', [this.name(value)], { outputs: [name] });
  }

  #smallConstant(key: string, dtype: DType, shape: readonly number[], data: () => ConstantData): string {
    const known = this.#small.get(key);
    if (known) return known;
    const name = `$c${this.#small.size}`;
    this.#small.set(key, name);
    this.#initializer(name, { dtype, shape }, data());
    return name;
  }

  #initializer(name: string, { dtype, shape }: TensorType, data: ConstantData): void {
    this.#initializers.push(
      new WireWriter()
        .packedInts(1, shape as readonly number[])
        .int(2, onnxType[dtype])
        .text(8, name)
        .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
        .finish(),
    );
  }
}

function externalTensor(
  name: string,
  { dtype, shape }: TensorType,
  { file, offset, bytes }: { file: string; offset: number; bytes: number },
): Uint8Array {
  const writer = new WireWriter()
    .packedInts(1, shape as readonly number[])
    .int(2, onnxType[dtype])
    .text(8, name);
  for (const [key, value] of Object.entries({ location: file, offset: String(offset), length: String(bytes) }))
    writer.message(13, (pair) => pair.text(1, key).text(2, value));
  return writer.int(14, 1).finish();
}

function writeAttribute(writer: WireWriter, name: string, attribute: OnnxAttribute): void {
  writer.text(1, name);
  if (attribute.type === 'float') writer.float(2, attribute.value);
  else if (attribute.type === 'int') writer.int(3, attribute.value);
  else writer.packedInts(8, attribute.value);
  writer.int(20, attributeType[attribute.type]);
}

function writeValueInfo(writer: WireWriter, name: string, { dtype, shape }: TensorType): void {
  writer.text(1, name).message(2, (type) =>
    type.message(1, (tensor) =>
      tensor.int(1, onnxType[dtype]).message(2, (dims) => {
        for (const dim of shape)
          dims.message(1, (entry) => (typeof dim === 'number' ? entry.int(1, dim) : entry.text(2, dim)));
      }),
    ),
  );
}
