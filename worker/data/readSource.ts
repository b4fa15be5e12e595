import { fail } from '../../api/errors.js';
import { canonicalJson, sha256 } from '../../common/hash.js';
import type { RowFormat } from './choices.js';
import type { DataDeps, DataOptions } from './dataset.js';
import type { Document } from './pack/sequences.js';
import { type Encoder, encodeRow } from './rows/encodeRow.js';
import { formatOf, isUnusable, parseObject, parseRow, type Row, type Unusable } from './rows/row.js';
import { readLines, type SourceIdentity } from './source.js';

/** A row that became documents, with what the report and the split need to know of it. */
export interface UsedRow {
  readonly place: string;
  /** SHA-256 of the row's content, whatever its spelling in JSON. */
  readonly hash: string;
  /** SHA-256 of what precedes the last reply; equal to `hash` for a text. */
  readonly promptHash: string;
  readonly documents: readonly Document[];
  readonly tokensCut: number;
  readonly mergedBoundaries: number;
  readonly unendedTurns: number;
}

export interface DroppedRow {
  readonly place: string;
  readonly problem: string;
}

export interface ReadSource {
  readonly source: string;
  readonly identity: SourceIdentity;
  readonly format: RowFormat;
  readonly rows: number;
  readonly used: readonly UsedRow[];
  readonly dropped: readonly DroppedRow[];
}

/** Reads, parses and tokenises one source, line by line; only tokens stay in memory. */
export async function readSource(
  source: string,
  options: Pick<DataOptions, 'format'>,
  encoder: Encoder,
  { open, signal }: Pick<DataDeps, 'open' | 'signal'>,
): Promise<ReadSource> {
  const used: UsedRow[] = [];
  const dropped: DroppedRow[] = [];
  let format: RowFormat | undefined = options.format === 'auto' ? undefined : options.format;
  const lines = readLines(source, open, signal);
  let next = await lines.next();
  for (; !next.done; next = await lines.next()) {
    const { number, text } = next.value;
    const place = `${source}:${number}`;
    const json = parseObject(text);
    if (isUnusable(json)) {
      dropped.push({ place, problem: json.problem });
      continue;
    }
    format ??= formatOf(json) ?? fail('DataFormatUnknown', { source, line: number, keys: Object.keys(json) });
    const mixed = options.format === 'auto' ? otherFormat(json, format) : undefined;
    if (mixed) fail('DataFormatsMixed', { source, line: number, first: format, found: mixed });
    const row = useRow(json, format, place, encoder);
    if (isUnusable(row)) dropped.push({ place, problem: row.problem });
    else used.push(row);
  }
  const rows = used.length + dropped.length;
  if (rows === 0) fail('DataEmpty', { source });
  if (format === undefined) fail('DataUnusable', { split: source, reasons: reasonsOf(dropped) });
  return { source, identity: next.value, format, rows, used, dropped };
}

export const reasonsOf = (dropped: readonly DroppedRow[]): readonly string[] => [
  ...new Set(dropped.map(({ place, problem }) => `${problem} (${place})`)),
];

/** The format of a row that is not of the file's; undefined for one of the file's, and for one of no format at all. */
function otherFormat(json: Readonly<Record<string, unknown>>, format: RowFormat): RowFormat | undefined {
  const found = formatOf(json);
  return found === format ? undefined : found;
}

function useRow(
  json: Readonly<Record<string, unknown>>,
  format: RowFormat,
  place: string,
  encoder: Encoder,
): UsedRow | Unusable {
  const row = parseRow(json, format);
  if (isUnusable(row)) return row;
  if (row.kind === 'chat' && encoder.template === undefined) fail('ChatTemplateMissing', { format });
  const encoded = encodeRow(row, encoder);
  if (isUnusable(encoded)) return encoded;
  return {
    place,
    hash: sha256(canonicalJson(content(row))),
    promptHash: sha256(canonicalJson(prompt(row))),
    ...encoded,
  };
}

const content = (row: Row): unknown =>
  row.kind === 'chat' ? { messages: row.messages, tools: row.tools ?? null } : { ...row, kind: undefined };

function prompt(row: Row): unknown {
  if (row.kind === 'text') return content(row);
  if (row.kind === 'completion') return { prompt: row.prompt };
  const last = row.messages.findLastIndex(({ role }) => role === 'assistant');
  return { messages: row.messages.slice(0, last), tools: row.tools ?? null };
}
