/**
 * A piece of text on its way through normalizer and pre-tokenizer that remembers, per UTF-16 unit, which units of the
 * original it came from. `starts`/`ends` are null while the piece is an unchanged slice beginning at `base`.
 */
export interface Mapped {
  readonly text: string;
  readonly base: number;
  readonly starts: Int32Array | null;
  readonly ends: Int32Array | null;
}

export const unchanged = (text: string, base: number): Mapped => ({ text, base, starts: null, ends: null });

export const startOf = (piece: Mapped, at: number): number => piece.starts?.[at] ?? piece.base + at;
export const endOf = (piece: Mapped, at: number): number => piece.ends?.[at] ?? piece.base + at + 1;

export const slice = (piece: Mapped, from: number, to: number): Mapped => ({
  text: piece.text.slice(from, to),
  base: piece.base + from,
  starts: piece.starts?.subarray(from, to) ?? null,
  ends: piece.ends?.subarray(from, to) ?? null,
});

/** Replaces the spans `[from, to)` (ascending, disjoint) by `content`; every new unit maps to the whole span, an inserted one to what follows. */
export function replaceSpans(piece: Mapped, spans: readonly Span[]): Mapped {
  if (spans.length === 0) return piece;
  const added = spans.reduce((sum, span) => sum + span.content.length - (span.to - span.from), 0);
  const length = piece.text.length + added;
  const starts = new Int32Array(length);
  const ends = new Int32Array(length);
  let text = '';
  let read = 0;
  const copy = (to: number) => {
    for (let at = read; at < to; at++) {
      starts[text.length + at - read] = startOf(piece, at);
      ends[text.length + at - read] = endOf(piece, at);
    }
    text += piece.text.slice(read, to);
    read = to;
  };
  for (const { from, to, content } of spans) {
    copy(from);
    const start = from < piece.text.length ? startOf(piece, from) : endOfAll(piece);
    const wide = (piece.text.codePointAt(from) ?? 0) > 0xffff;
    const last = to > from ? to - 1 : wide ? from + 1 : from;
    const end = last < piece.text.length ? endOf(piece, last) : start;
    starts.fill(start, text.length, text.length + content.length);
    ends.fill(end, text.length, text.length + content.length);
    text += content;
    read = to;
  }
  copy(piece.text.length);
  return { text, base: piece.base, starts, ends };
}

const endOfAll = (piece: Mapped): number =>
  piece.text.length === 0 ? piece.base : endOf(piece, piece.text.length - 1);

export interface Span {
  readonly from: number;
  readonly to: number;
  readonly content: string;
}
