import type { DataFormat, Supervise, Truncation } from './choices.js';
import type { DataReport } from './report.js';
import type { Sequence } from './sequence.js';
import type { Tokenizer } from './tokenizer.js';

/** What of spec.data decides which tokens are trained; everything here is part of the recipe. */
export interface DataOptions {
  /** JSONL or JSONL.gz sources in order: paths or s3:// URLs. */
  readonly train: readonly string[];
  /**
   * Held-out rows: sources of their own, or a share of the training rows (chosen by a hash of row and seed, so that it
   * does not change when rows are added or moved), or none.
   */
  readonly evaluation: { readonly sources: readonly string[] } | { readonly fraction: number } | null;
  readonly format: DataFormat;
  /** Longest sequence in tokens. */
  readonly maxTokens: number;
  /** Several documents to a sequence (they never see each other), or one. */
  readonly packing: boolean;
  /** Tokens with a loss: every one, the assistant's turns, or only the last of them. */
  readonly supervise: Supervise;
  /** Which side of a chat row longer than `maxTokens` is cut, or `drop` to leave the row out. */
  readonly truncation: Truncation;
  /** Lengths that sequences are padded to, ascending; `defaultBuckets(maxTokens)` when absent. Only the report reads them. */
  readonly buckets?: readonly number[] | undefined;
  readonly seed: number;
  /** What `strftime_now` of a chat template returns, `YYYY-MM-DD`. */
  readonly templateDate: string;
  /** Training rows quoted in the report; 0 keeps all text out of it. */
  readonly samples: number;
}

export interface DataDeps {
  readonly tokenizer: Tokenizer;
  /** Opens a source's bytes; throws `DataMissing` when there is none. See `createOpener`. */
  readonly open: OpenSource;
  readonly signal: AbortSignal;
}

export type OpenSource = (source: string, signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;

export interface Dataset {
  readonly train: readonly Sequence[];
  readonly evaluation: readonly Sequence[];
  readonly report: DataReport;
}
