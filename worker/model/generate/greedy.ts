import { cacheBytesPerRow, createKvCache, type KvCache } from './cache.js';
import { createRopeRows, type DecodeModel, maxStepTokens, type RopeRows, type Row, step } from './step.js';

export interface GreedyOptions {
  readonly maxTokens: number;
  /** Tokens that end an answer; they are not part of it. */
  readonly stopIds: readonly number[];
  /** Called between steps; throws when nobody waits any more. */
  throwIfCancelled(): void;
}

/** Rows read at once: enough tokens to fill the kernels, few enough for small activations. */
const rowsPerRead = 8;
/** Prompts that share fewer first tokens are not worth a run of their own. */
const shortestSharedPrefix = 8;
/** Prompts beyond this much cache wait for the next wave. */
const cacheBudgetBytes = 512 * 2 ** 20;

/** Greedy continuations of all prompts, in their order, without the stop token. */
export async function generateGreedily(
  model: DecodeModel,
  prompts: readonly Int32Array[],
  options: GreedyOptions,
): Promise<Int32Array[]> {
  const rows = prompts.map((prompt, index): Row => ({ index, prompt, generated: [], cached: 0 }));
  if (options.maxTokens > 0)
    // Rows of like length are read together, so that little is filled up.
    for (const wave of wavesOf(
      model,
      rows.toSorted((a, b) => a.prompt.length - b.prompt.length),
      options,
    ))
      await generateWave(model, wave, options);
  return rows.map(({ generated }) => Int32Array.from(generated));
}

const capacityFor = (rows: readonly Row[], maxTokens: number): number =>
  rows.reduce((longest, { prompt }) => Math.max(longest, prompt.length), 0) + maxTokens;

function wavesOf(model: DecodeModel, rows: readonly Row[], { maxTokens }: GreedyOptions): Row[][] {
  const rowBytes = cacheBytesPerRow(model.spec, capacityFor(rows, maxTokens));
  const perWave = Math.max(1, Math.floor(cacheBudgetBytes / rowBytes));
  return Array.from({ length: Math.ceil(rows.length / perWave) }, (_, i) => rows.slice(i * perWave, (i + 1) * perWave));
}

async function generateWave(model: DecodeModel, rows: readonly Row[], options: GreedyOptions): Promise<void> {
  const cache = createKvCache(model.spec, rows.length, capacityFor(rows, options.maxTokens));
  const rope = createRopeRows(model.spec, rows, cache.capacity, options.maxTokens);
  await readSharedPrefix(model, cache, rope, rows, options);
  await readPrompts(model, cache, rope, rows, options);
  await continueRows(model, cache, rope, rows, options);
}

/** Reads the tokens that all prompts begin with once, and copies their keys and values to all rows. */
async function readSharedPrefix(
  model: DecodeModel,
  cache: KvCache,
  rope: RopeRows,
  rows: readonly Row[],
  options: GreedyOptions,
): Promise<void> {
  const [first, ...others] = rows as [Row, ...Row[]];
  const shared = sharedLength(rows);
  const isShareable = others.length > 0 && shared >= shortestSharedPrefix;
  // Tables that depend on a row's length differ between rows: nothing can be shared.
  if (!isShareable || others.some((row) => rope.start(row) !== rope.start(first))) return;
  while (first.cached < shared) {
    options.throwIfCancelled();
    const tokens = stepTokens(shared - first.cached);
    const ids = first.prompt.subarray(first.cached, Math.min(first.cached + tokens, shared));
    await step(model, cache, rope, { first: 0, tokens, inputs: [{ row: first, ids, wantsNext: false }] });
  }
  others.forEach((row, i) => {
    cache.copy(0, i + 1, shared);
    row.cached = shared;
  });
}

/** Tokens at the start of every prompt, the last token of a prompt left out: something must be read to get an answer. */
function sharedLength(rows: readonly Row[]): number {
  const [{ prompt: first }, ...others] = rows as [Row, ...Row[]];
  const limit = rows.reduce((least, { prompt }) => Math.min(least, prompt.length - 1), Infinity);
  let length = 0;
  while (length < limit && others.every(({ prompt }) => prompt[length] === first[length])) length++;
  return length;
}

/** Reads what is left of each prompt, some rows at a time, and takes the first token of each answer. */
async function readPrompts(
  model: DecodeModel,
  cache: KvCache,
  rope: RopeRows,
  rows: readonly Row[],
  options: GreedyOptions,
): Promise<void> {
  const groups = Math.ceil(rows.length / rowsPerRead);
  const size = Math.ceil(rows.length / groups);
  for (let group = 0; group < groups; group++) {
    // Every run has the same number of rows: the last one begins earlier and brings nothing new for rows already read.
    const first = Math.min(group * size, rows.length - size);
    const members = rows.slice(first, first + size);
    while (members.some(isUnread)) {
      options.throwIfCancelled();
      const tokens = stepTokens(Math.max(...members.map(({ prompt, cached }) => prompt.length - cached)));
      const inputs = members.map((row) => {
        const ids = row.prompt.subarray(row.cached, row.cached + tokens);
        return { row, ids, wantsNext: ids.length > 0 && row.cached + ids.length === row.prompt.length };
      });
      const next = await step(model, cache, rope, { first, tokens, inputs });
      members.forEach((row, i) => {
        if (next[i]! >= 0) row.generated.push(next[i]!);
      });
    }
  }
}

const isUnread = ({ prompt, cached }: Row): boolean => cached < prompt.length;

/** Few different lengths, so that few sessions are opened. */
const stepTokens = (wanted: number): number => [16, 24, 32, 48].find((tokens) => wanted <= tokens) ?? maxStepTokens;

/** One token per row and step; finished rows leave and the last row takes their place. */
async function continueRows(
  model: DecodeModel,
  cache: KvCache,
  rope: RopeRows,
  rows: readonly Row[],
  options: GreedyOptions,
): Promise<void> {
  const active = [...rows];
  for (;;) {
    retireFinished(cache, active, options);
    if (active.length === 0) return;
    options.throwIfCancelled();
    const inputs = active.map((row) => ({ row, ids: Int32Array.of(row.generated.at(-1)!), wantsNext: true }));
    const next = await step(model, cache, rope, { first: 0, tokens: 1, inputs });
    active.forEach((row, i) => {
      row.generated.push(next[i]!);
    });
  }
}

function retireFinished(cache: KvCache, active: Row[], { maxTokens, stopIds }: GreedyOptions): void {
  for (let slot = active.length - 1; slot >= 0; slot--) {
    const { generated } = active[slot]!;
    const isStopped = stopIds.includes(generated.at(-1)!);
    if (isStopped) generated.pop();
    if (!isStopped && generated.length < maxTokens) continue;
    const moved = active.pop()!;
    if (slot === active.length) continue;
    active[slot] = moved;
    cache.copy(active.length, slot, moved.cached);
  }
}
