import { bucketFor, defaultBuckets } from './buckets.js';
import type { DataOptions } from './dataset.js';
import { supervisedTokens } from './pack/sequences.js';
import type { ReadSource, UsedRow } from './readSource.js';
import type { DataReport, DroppedReport, RowsNamed, SplitReport } from './report.js';
import type { Sequence } from './sequence.js';
import type { Tokenizer } from './tokenizer.js';

const examplesShown = 5;

interface Split {
  readonly rows: readonly UsedRow[];
  readonly sequences: readonly Sequence[];
}

export interface Loaded {
  readonly options: DataOptions;
  readonly tokenizer: Tokenizer;
  readonly sources: readonly (ReadSource & { readonly split: 'train' | 'evaluation' })[];
  readonly train: Split;
  readonly evaluation: Split;
}

export function reportOf({ options, tokenizer, sources, train, evaluation }: Loaded): DataReport {
  const buckets = options.buckets ?? defaultBuckets(options.maxTokens);
  const used = [...train.rows, ...evaluation.rows];
  const cut = used.filter(({ tokensCut }) => tokensCut > 0);
  const trainHashes = new Set(train.rows.map(({ hash }) => hash));
  const trainPrompts = new Set(train.rows.map(({ promptHash }) => promptHash));
  return {
    sources: sources.map(({ source, split, identity, format, rows, used: usable }) => ({
      source,
      split,
      ...identity,
      format,
      rows,
      used: usable.length,
    })),
    train: splitReport(train, buckets),
    evaluation: options.evaluation ? splitReport(evaluation, buckets) : null,
    dropped: droppedReport(sources),
    truncation: {
      side: options.truncation,
      rows: cut.length,
      share: used.length === 0 ? 0 : cut.length / used.length,
      tokensCut: sum(cut.map(({ tokensCut }) => tokensCut)),
    },
    supervise: options.supervise,
    mergedBoundaries: sum(used.map(({ mergedBoundaries }) => mergedBoundaries)),
    unendedTurns: sum(used.map(({ unendedTurns }) => unendedTurns)),
    duplicates: { train: repeated(train.rows), evaluation: repeated(evaluation.rows) },
    contamination: {
      rows: named(evaluation.rows.filter(({ hash }) => trainHashes.has(hash))),
      prompts: named(
        evaluation.rows.filter(({ hash, promptHash }) => !trainHashes.has(hash) && trainPrompts.has(promptHash)),
      ),
    },
    templateDate: options.templateDate,
    samples: train.rows.slice(0, options.samples).map((row) => sample(row, tokenizer)),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const named = (rows: readonly { readonly place: string }[]): RowsNamed => ({
  rows: rows.length,
  examples: rows.slice(0, examplesShown).map(({ place }) => place),
});

function repeated(rows: readonly UsedRow[]): RowsNamed {
  const seen = new Set<string>();
  return named(
    rows.filter(({ hash }) => {
      const again = seen.has(hash);
      seen.add(hash);
      return again;
    }),
  );
}

function splitReport({ rows, sequences }: Split, buckets: readonly number[]): SplitReport {
  const documents = rows.flatMap((row) => row.documents);
  const lengths = documents.map(({ ids }) => ids.length);
  const padded = sum(sequences.map(({ ids }) => bucketFor(ids.length, buckets)));
  const tokens = sum(lengths);
  return {
    rows: rows.length,
    documents: documents.length,
    sequences: sequences.length,
    tokens,
    supervisedTokens: sum(documents.map(supervisedTokens)),
    lengths: buckets.map((upTo) => ({
      upTo,
      documents: lengths.filter((length) => bucketFor(length, buckets) === upTo).length,
    })),
    longest: lengths.reduce((most, length) => Math.max(most, length), 0),
    packingEfficiency: padded === 0 ? 1 : tokens / padded,
  };
}

function droppedReport(sources: readonly ReadSource[]): readonly DroppedReport[] {
  const byReason = new Map<string, { readonly place: string }[]>();
  for (const { place, problem } of sources.flatMap(({ dropped }) => dropped)) {
    const rows = byReason.get(problem) ?? [];
    rows.push({ place });
    byReason.set(problem, rows);
  }
  return [...byReason].map(([reason, rows]) => ({ reason, ...named(rows) })).sort((a, b) => b.rows - a.rows);
}

/** The row as the model sees it, with what is supervised in double brackets. */
function sample({ documents }: UsedRow, tokenizer: Tokenizer): string {
  const { ids, supervised } = documents[0]!;
  let text = '';
  for (let from = 0; from < ids.length; ) {
    let to = from + 1;
    while (to < ids.length && supervised[to] === supervised[from]) to++;
    const part = tokenizer.decode(ids.subarray(from, to));
    text += supervised[from] ? `[[${part}]]` : part;
    from = to;
  }
  return text;
}
