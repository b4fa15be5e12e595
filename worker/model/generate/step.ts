import type { Dim } from '../../engine/ir/graph.js';
import type { Feed, Session } from '../../engine/session.js';
import { unseen, windowsOf } from '../blocks/cached.js';
import { ropeDependsOnLength, ropeTable } from '../blocks/rope.js';
import { float32, int64 } from '../graph/inputs.js';
import type { ModelSpec } from '../spec.js';
import { createKvResults, type KvCache } from './cache.js';

/** A model that is ready to answer: its decode graphs as sessions, and the adapter's tensors by input name. */
export interface DecodeModel {
  readonly spec: ModelSpec;
  /** The session of the decode graph of that batch (a number or a name) and so many new tokens per row. */
  session(batch: Dim, tokens: number): Promise<Session>;
  readonly adapter: Readonly<Record<string, Feed>>;
}

/** One sequence being read or continued. */
export interface Row {
  /** Place in the list of prompts. */
  readonly index: number;
  readonly prompt: Int32Array;
  readonly generated: number[];
  /** Tokens whose keys and values the cache holds. */
  cached: number;
}

/** Rotary tables for one run: one for all rows, or a row's own where the frequencies depend on the length. */
export interface RopeRows {
  readonly feeds: Readonly<Record<string, Feed>>;
  /** Index of a row's position 0. */
  start(row: Row): number;
}

/** The most tokens per row that one step reads; tables are longer than the cache by as much. */
export const maxStepTokens = 64;

export function createRopeRows(spec: ModelSpec, rows: readonly Row[], capacity: number, maxTokens: number): RopeRows {
  const places = capacity + maxStepTokens;
  const half = spec.headDim / 2;
  const tables = ropeDependsOnLength(spec.rope)
    ? rows.map(({ prompt }) => ropeTable(spec, places, prompt.length + maxTokens))
    : [ropeTable(spec, places, places)];
  const cos = new Float32Array(tables.length * places * half);
  const sin = new Float32Array(tables.length * places * half);
  tables.forEach((table, i) => {
    cos.set(table.cos, i * places * half);
    sin.set(table.sin, i * places * half);
  });
  const order = new Map(rows.map((row, i) => [row, i]));
  return {
    feeds: {
      rope_cos: float32(cos, [tables.length * places, half]),
      rope_sin: float32(sin, [tables.length * places, half]),
    },
    start: (row) => (tables.length === 1 ? 0 : order.get(row)! * places),
  };
}

/** What one row brings to a step: its new tokens, and whether the token after them is asked for. */
export interface RowInput {
  readonly row: Row;
  readonly ids: Int32Array;
  readonly wantsNext: boolean;
}

/**
 * One run of a decode graph over cache rows [first, first + inputs.length): new tokens in, their keys and values into the
 * cache, the most likely next token of each row that asks for it out (else -1).
 */
export async function step(
  model: DecodeModel,
  cache: KvCache,
  rope: RopeRows,
  { first, tokens, inputs }: { first: number; tokens: number; inputs: readonly RowInput[] },
): Promise<number[]> {
  const { spec } = model;
  const batch = inputs.length;
  const asking = inputs.flatMap(({ wantsNext, ids }, i) => (wantsNext ? [i * tokens + ids.length - 1] : []));
  const logits = new Float32Array(asking.length * spec.vocabSize);
  const results = createKvResults(spec, batch, tokens);
  const session = await model.session(tokens === 1 ? 'B' : batch, tokens);
  await session.run(
    {
      ...tokenFeeds(inputs, tokens, rope),
      ...biasFeeds(spec, inputs, tokens, cache.capacity),
      last: int64(BigInt64Array.from(asking, BigInt), [asking.length]),
      ...cache.feeds(first, batch),
      ...rope.feeds,
      ...model.adapter,
    },
    { logits: float32(logits, [asking.length, spec.vocabSize]), ...results.feeds },
  );
  inputs.forEach(({ row, ids }, i) => {
    cache.store(results, i, first + i, row.cached, ids.length);
    row.cached += ids.length;
  });
  let answer = 0;
  return inputs.map(({ wantsNext }) => (wantsNext ? highest(logits, answer++, spec.vocabSize) : -1));
}

/** Ids and positions; rows with fewer tokens are filled up at the end, where no real token looks. */
function tokenFeeds(inputs: readonly RowInput[], tokens: number, rope: RopeRows): Record<string, Feed> {
  const ids = new BigInt64Array(inputs.length * tokens);
  const positions = new BigInt64Array(inputs.length * tokens);
  inputs.forEach((input, i) => {
    const start = rope.start(input.row) + input.row.cached;
    for (let t = 0; t < tokens; t++) {
      ids[i * tokens + t] = BigInt(input.ids[t] ?? 0);
      positions[i * tokens + t] = BigInt(start + t);
    }
  });
  return { ids: int64(ids, [ids.length]), positions: int64(positions, [inputs.length, tokens]) };
}

/** Per window: a query sees the places of the cache that its row has filled, as far back as the window reaches. */
function biasFeeds(
  spec: ModelSpec,
  inputs: readonly RowInput[],
  tokens: number,
  capacity: number,
): Record<string, Feed> {
  const shape = [inputs.length, tokens, capacity];
  const biases = windowsOf(spec).map((window) => {
    const bias = new Float32Array(inputs.length * tokens * capacity).fill(unseen);
    inputs.forEach(({ row: { cached } }, i) => {
      for (let t = 0; t < tokens; t++) {
        const from = window === null ? 0 : Math.min(Math.max(0, cached + t - window + 1), cached);
        const begin = (i * tokens + t) * capacity;
        bias.fill(0, begin + from, begin + cached);
      }
    });
    return bias;
  });
  return Object.fromEntries(biases.map((bias, i) => [`past_bias_${i}`, float32(bias, shape)]));
}

/** Index of the highest logit of a row; the lower index where two are equal. */
function highest(logits: Float32Array, row: number, vocab: number): number {
  const start = row * vocab;
  let best = start;
  for (let i = start + 1; i < start + vocab; i++) if (logits[i]! > logits[best]!) best = i;
  return best - start;
}
