/** Byte-pair encoding as tokenizers' `models::bpe`: symbols by id, lowest rank first, leftmost on ties. */
export interface BpeModel {
  readonly ids: ReadonlyMap<string, number>;
  readonly merges: readonly (readonly [string, string])[];
  readonly unknown: number | null;
  readonly fuseUnknown: boolean;
  readonly byteFallback: boolean;
  readonly ignoreMerges: boolean;
}

/** A word's tokens: ids, and how many UTF-16 units of the word each holds (0 for all but the last byte of a character). */
export interface Word {
  readonly ids: readonly number[];
  readonly ends: readonly number[];
}

const cacheWords = 50_000;
const longestCachedWord = 48;

export function createBpe(model: BpeModel): (word: string) => Word {
  const width = 1 + Math.max(0, ...chunkedMax(model.ids.values()));
  const ranks = new Map<number, number>();
  const products: number[] = [];
  model.merges.forEach(([left, right], rank) => {
    const a = idOf(left);
    const b = idOf(right);
    products.push(idOf(left + right));
    ranks.set(a * width + b, rank);
  });
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    model.ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
  const encoder = new TextEncoder();
  const cache = new Map<string, Word>();

  function idOf(token: string): number {
    const id = model.ids.get(token);
    if (id === undefined) throw new RangeError(`a merge names "${token}", which is not in the vocabulary`);
    return id;
  }

  function symbols(word: string): { ids: number[]; ends: number[] } {
    const ids: number[] = [];
    const ends: number[] = [];
    let at = 0;
    let unknownEnd = -1;
    const flush = () => {
      if (unknownEnd < 0 || model.unknown === null) return;
      ids.push(model.unknown);
      ends.push(unknownEnd);
      unknownEnd = -1;
    };
    for (const character of word) {
      at += character.length;
      const id = model.ids.get(character);
      if (id !== undefined) {
        flush();
        ids.push(id);
        ends.push(at);
        continue;
      }
      const fallback = model.byteFallback ? [...encoder.encode(character)].map((byte) => bytes[byte]) : [undefined];
      if (fallback.every((byte) => byte !== undefined)) {
        for (const byte of fallback) {
          ids.push(byte);
          ends.push(at);
        }
      } else if (model.unknown !== null) {
        if (!model.fuseUnknown) flush();
        unknownEnd = at;
      }
    }
    flush();
    return { ids, ends };
  }

  function merge(word: string): Word {
    const whole = model.ignoreMerges ? model.ids.get(word) : undefined;
    if (whole !== undefined) return { ids: [whole], ends: [word.length] };
    const { ids, ends } = symbols(word);
    return mergeAll(ids, ends, (a, b) => ranks.get(a * width + b) ?? -1, products);
  }

  return (word) => {
    const cached = cache.get(word);
    if (cached) return cached;
    const result = merge(word);
    if (word.length <= longestCachedWord) {
      if (cache.size >= cacheWords) cache.clear();
      cache.set(word, result);
    }
    return result;
  };
}

/** Merges neighbours until no rank is left. A heap of `rank * 2^26 + position` keeps long words at n log n. */
function mergeAll(
  ids: number[],
  ends: number[],
  rankOf: (left: number, right: number) => number,
  products: readonly number[],
): Word {
  const count = ids.length;
  if (count < 2) return { ids, ends };
  const next = Int32Array.from({ length: count }, (_, at) => at + 1);
  const previous = Int32Array.from({ length: count }, (_, at) => at - 1);
  const heap: number[] = [];
  const offer = (at: number) => {
    const right = next[at]!;
    if (right >= count) return;
    const rank = rankOf(ids[at]!, ids[right]!);
    if (rank >= 0) push(heap, rank * positions + at);
  };
  for (let at = 0; at < count - 1; at++) offer(at);
  for (let key = pop(heap); key !== undefined; key = pop(heap)) {
    const at = key % positions;
    const rank = (key - at) / positions;
    const right = next[at]!;
    if (ids[at]! < 0 || right >= count || rankOf(ids[at]!, ids[right]!) !== rank) continue;
    ids[at] = products[rank]!;
    ends[at] = ends[right]!;
    ids[right] = -1;
    next[at] = next[right]!;
    if (next[at]! < count) previous[next[at]!] = at;
    if (previous[at]! >= 0) offer(previous[at]!);
    offer(at);
  }
  const kept = ids.flatMap((id, at) => (id >= 0 ? [at] : []));
  return { ids: kept.map((at) => ids[at]!), ends: kept.map((at) => ends[at]!) };
}

const positions = 2 ** 26;

function push(heap: number[], key: number): void {
  let at = heap.push(key) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]! <= key) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = key;
}

function pop(heap: number[]): number | undefined {
  const top = heap[0];
  const key = heap.pop();
  if (top === undefined || key === undefined || heap.length === 0) return top;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= key) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = key;
  return top;
}

function* chunkedMax(values: Iterable<number>): Iterable<number> {
  let most = -1;
  for (const value of values) if (value > most) most = value;
  yield most;
}
