import type { Graph } from '../../worker/engine/ir/graph.js';
import { compile } from '../../worker/engine/program.js';
import { createSession, type Feed } from '../../worker/engine/session.js';
import type { Base } from '../../worker/model/base.js';

/** Runs a graph once in ONNX Runtime: its float32 outputs by name. */
export async function runGraph(
  graph: Graph,
  base: Pick<Base, 'directory'>,
  feeds: Readonly<Record<string, Feed>>,
): Promise<Readonly<Record<string, Float32Array>>> {
  const session = await createSession(compile(graph, 'cpu'), { provider: 'cpu', directory: base.directory });
  const results: Record<string, Feed & { readonly data: Float32Array }> = {};
  for (const { name, value } of graph.outputs) {
    const shape = value.shape as readonly number[];
    results[name] = { dtype: 'float32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) };
  }
  try {
    await session.run(feeds, results);
  } finally {
    await session.close();
  }
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]));
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
};

/** |a - b| / |b|, Frobenius. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}
