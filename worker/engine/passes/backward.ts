import { fail } from '../../../api/errors.js';
import type { GraphBuilder } from '../ir/builder.js';
import type { Graph, Node, Value } from '../ir/graph.js';
import { sameShape, shapeText, sizeOf } from '../ir/shape.js';
import type { Contribution, OpDefinition } from '../ops/define.js';

export interface Seed {
  readonly value: Value;
  /** d(result) / d(value), of the value's shape. */
  readonly cotangent: Value;
}

/**
 * Reverse mode: appends to `b` (a continuation of `graph`) the gradients of sum(seed.cotangent * seed.value) with respect to
 * `wanted`, and returns them by wanted value. One walk from the last node to the first; only nodes between `wanted` and the
 * seeds are looked at, so frozen weights get no gradient and nothing below the first adapted layer is differentiated.
 */
export function backward(
  b: GraphBuilder,
  graph: Graph,
  ops: ReadonlyMap<string, OpDefinition>,
  seeds: readonly Seed[],
  wanted: readonly Value[],
): ReadonlyMap<Value, Value> {
  const onPath = dependents(graph, wanted);
  const isWanted = new Set(wanted);
  const pending = new Map<Value, Contribution[]>();
  const contribute = (value: Value, contribution: Contribution): void => {
    if (contribution !== null) pending.set(value, [...(pending.get(value) ?? []), contribution]);
  };
  for (const { value, cotangent } of seeds) contribute(value, cotangent);

  for (const node of graph.nodes.toReversed()) {
    const needs = node.inputs.map((input) => input !== null && onPath.has(input));
    if (!needs.includes(true) || !node.outputs.some((output) => pending.has(output))) continue;
    const cotangents = node.outputs.map((output) => sumOf(b, output, pending));
    const contributions = vjpOf(b, ops, node, cotangents, needs);
    node.inputs.forEach((input, i) => {
      if (needs[i]) contribute(input!, contributions[i] ?? null);
    });
    // A wanted gradient is added up at once: left for later, it would keep the activations it is made of.
    for (const input of node.inputs) if (input && isWanted.has(input)) sumOf(b, input, pending);
  }
  return new Map(wanted.map((value) => [value, sumOf(b, value, pending) ?? zerosLike(b, value)]));
}

/** All values that depend on `wanted`, themselves included. */
function dependents(graph: Graph, wanted: readonly Value[]): ReadonlySet<Value> {
  const found = new Set(wanted);
  for (const node of graph.nodes)
    if (node.inputs.some((input) => input && found.has(input)))
      for (const output of node.outputs) if (output.dtype === 'float32') found.add(output);
  return found;
}

function vjpOf(
  b: GraphBuilder,
  ops: ReadonlyMap<string, OpDefinition>,
  node: Node,
  cotangents: readonly (Value | null)[],
  needs: readonly boolean[],
): readonly Contribution[] {
  const definition = ops.get(node.op)!;
  needs.forEach((needed, i) => {
    const reason = definition.frozen?.[i];
    if (needed && reason) fail('GraphInvalid', { what: `no gradient flows into input ${i} of ${node.op}: ${reason}` });
  });
  const g = cotangents[0] ?? zerosLike(b, node.outputs[0]!);
  const { inputs, outputs, attributes } = node;
  return definition.vjp?.({ b, inputs, outputs, attributes, g, cotangents, needs }) ?? [];
}

/**
 * The sum of what flowed back to a value. Plain values come first, then contributions that add themselves, each taking the
 * sum so far. The order is that of the graph, so the bits are a function of the graph alone.
 */
function sumOf(b: GraphBuilder, value: Value, pending: Map<Value, Contribution[]>): Value | null {
  const contributions = pending.get(value);
  if (!contributions) return null;
  let sum: Value | null = null;
  for (const entry of contributions) {
    if (entry === null || typeof entry === 'function') continue;
    const fitted = unbroadcast(b, entry, value);
    sum = sum ? b.add(sum, fitted) : fitted;
  }
  for (const entry of contributions) if (typeof entry === 'function') sum = entry(sum);
  if (sum && !sameShape(sum.shape, value.shape))
    fail('GraphInvalid', {
      what: `a gradient is ${shapeText(sum.shape)} where its value is ${shapeText(value.shape)}`,
    });
  pending.set(value, [sum]);
  return sum;
}

/** Sums a cotangent over the axes along which the value was stretched. */
function unbroadcast(b: GraphBuilder, cotangent: Value, value: Value): Value {
  if (sameShape(cotangent.shape, value.shape)) return cotangent;
  const extra = cotangent.shape.length - value.shape.length;
  const stretched = cotangent.shape.flatMap((dim, axis) =>
    axis < extra || value.shape[axis - extra] !== dim ? [axis] : [],
  );
  // The cotangent of a scalar that multiplied a tensor may itself be narrower than the value.
  if (stretched.some((axis) => axis >= extra && value.shape[axis - extra] !== 1) || extra < 0)
    return b.expand(cotangent, value.shape);
  return b.reshape(b.reduceSum(cotangent, stretched), value.shape);
}

const zerosLike = (b: GraphBuilder, value: Value): Value =>
  b.constant(new Float32Array(sizeOf(value.shape)), value.shape as readonly number[]);
