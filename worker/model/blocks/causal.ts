import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Value } from '../../engine/ir/graph.js';
import type { ModelSpec } from '../spec.js';
import type { Forward } from './forward.js';

/** Queries [start, end) meet keys [from, end); `mask` bool [batch, 1, group * (end - start), end - from], true = attends. */
interface QueryBlock {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly mask: Value;
}

/**
 * Causal attention in blocks of queries: block i multiplies with the keys up to its own end alone, and with a sliding
 * window not with keys that none of it sees. Masks are computed once and shared by all layers of one window.
 * @param documents int32 [batch, tokens]: a token attends within its own document.
 */
export function causalAttention(
  b: GraphBuilder,
  spec: ModelSpec,
  { documents, batch, tokens, block }: { documents: Value; batch: number; tokens: number; block: number },
): Forward['attend'] {
  const group = spec.heads / spec.kvHeads;
  const blocksOf = new Map<number | null, readonly QueryBlock[]>();
  for (const window of spec.slidingWindow)
    if (!blocksOf.has(window)) blocksOf.set(window, queryBlocks(b, documents, { batch, tokens, block, group, window }));

  return (layer, q, k, v) => {
    const blocks = blocksOf.get(spec.slidingWindow[layer] ?? null)!;
    const { kvHeads, headDim } = spec;
    // [batch, tokens, kv * group * d] -> [batch, kv, group, tokens, d]: a block of queries is one slice, and merging
    // group and tokens afterwards lets the queries of a group meet their shared keys in one product, without expanding k.
    const queries = b.transpose(b.reshape(q, [batch, tokens, kvHeads, group, headDim]), [0, 2, 3, 1, 4]);
    const parts = b.split(
      queries,
      3,
      blocks.map(({ start, end }) => end - start),
    );
    const keys = prefixes(b, byHead(b, k, batch, tokens, spec), blocks);
    const values = prefixes(b, byHead(b, v, batch, tokens, spec), blocks);
    const outputs = blocks.map(({ start, end, mask }, i) => {
      const rows = b.reshape(parts[i]!, [batch, kvHeads, group * (end - start), headDim]);
      const seen = b.attention(rows, keys[i]!, values[i]!, mask, { scale: 1 / Math.sqrt(headDim) });
      return b.reshape(seen, [batch, kvHeads, group, end - start, headDim]);
    });
    const joined = b.transpose(b.concat(outputs, 3), [0, 3, 1, 2, 4]);
    return b.reshape(joined, [batch * tokens, spec.heads * headDim]);
  };
}

/** [batch, tokens, kv * d] -> [batch, kv, tokens, d] */
const byHead = (b: GraphBuilder, x: Value, batch: number, tokens: number, { kvHeads, headDim }: ModelSpec): Value =>
  b.transpose(b.reshape(x, [batch, tokens, kvHeads, headDim]), [0, 2, 1, 3]);

/** Keys of each block. Each prefix is cut from the next longer one, so that gradients are summed over growing prefixes. */
function prefixes(b: GraphBuilder, x: Value, blocks: readonly QueryBlock[]): Value[] {
  const parts: Value[] = [];
  let longer = x;
  for (const { from, end } of blocks.toReversed()) {
    longer = b.slice(longer, 2, 0, end);
    parts.unshift(b.slice(longer, 2, from, end));
  }
  return parts;
}

function queryBlocks(
  b: GraphBuilder,
  documents: Value,
  {
    batch,
    tokens,
    block,
    group,
    window,
  }: {
    batch: number;
    tokens: number;
    block: number;
    group: number;
    window: number | null;
  },
): QueryBlock[] {
  return Array.from({ length: Math.ceil(tokens / block) }, (_, i) => {
    const start = i * block;
    const end = Math.min(start + block, tokens);
    const from = window === null ? 0 : Math.max(0, start - window + 1);
    const [rows, columns] = [end - start, end - from];
    const sameDocument = b.equal(
      b.reshape(b.slice(documents, 1, start, end), [batch, 1, 1, rows, 1]),
      b.reshape(b.slice(documents, 1, from, end), [batch, 1, 1, 1, columns]),
    );
    const allowed = b.constant(reach(start, rows, from, columns, window), [rows, columns]);
    const mask = b.expand(b.and(sameDocument, allowed), [batch, 1, group, rows, columns]);
    return { start, end, from, mask: b.reshape(mask, [batch, 1, group * rows, columns]) };
  });
}

/** [rows, columns]: may the query at start + row see the key at from + column? Itself and earlier ones, within the window. */
export function reach(start: number, rows: number, from: number, columns: number, window: number | null): Uint8Array {
  const allowed = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const distance = start + row - (from + column);
      allowed[row * columns + column] = distance >= 0 && (window === null || distance < window) ? 1 : 0;
    }
  return allowed;
}
