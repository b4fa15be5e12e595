import type { RowFormat, Supervise, Truncation } from './choices.js';

/** What was read, used and left out. Stored as data-report.json; holds no training text unless samples were asked for. */
export interface DataReport {
  readonly sources: readonly SourceReport[];
  readonly train: SplitReport;
  readonly evaluation: SplitReport | null;
  /** Rows left out, by reason, over all sources. */
  readonly dropped: readonly DroppedReport[];
  readonly truncation: {
    readonly side: Truncation;
    readonly rows: number;
    /** Of all used rows, 0 to 1. */
    readonly share: number;
    readonly tokensCut: number;
  };
  readonly supervise: Supervise;
  /** Turns whose first supervised token also holds characters of the prompt (the tokenizer merged across the boundary). */
  readonly mergedBoundaries: number;
  /** Supervised turns that no special token ends: the model does not learn from them where to stop. */
  readonly unendedTurns: number;
  /** Rows equal to an earlier row of the same split; kept and trained on. */
  readonly duplicates: { readonly train: RowsNamed; readonly evaluation: RowsNamed };
  /** Evaluation rows that are also training rows, and those that only share everything before the last answer. */
  readonly contamination: { readonly rows: RowsNamed; readonly prompts: RowsNamed };
  readonly templateDate: string;
  /** Empty unless asked for. */
  readonly samples: readonly string[];
}

export interface SourceReport {
  readonly source: string;
  readonly split: 'train' | 'evaluation';
  /** Of the bytes as stored (compressed where they are). */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly format: RowFormat;
  readonly rows: number;
  readonly used: number;
}

export interface SplitReport {
  /** Used rows. */
  readonly rows: number;
  /** Rows, or pieces of long texts. */
  readonly documents: number;
  readonly sequences: number;
  readonly tokens: number;
  readonly supervisedTokens: number;
  /** Documents per length in tokens, by bucket. */
  readonly lengths: readonly { readonly upTo: number; readonly documents: number }[];
  readonly longest: number;
  /** Tokens divided by the sum of the sequences' buckets; 1 = no padding. */
  readonly packingEfficiency: number;
}

export interface DroppedReport {
  readonly reason: string;
  readonly rows: number;
  /** The first few, as `file:line`. */
  readonly examples: readonly string[];
}

export interface RowsNamed {
  readonly rows: number;
  readonly examples: readonly string[];
}
