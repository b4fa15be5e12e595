import type { RecipeMethod } from '../recipe/recipe.js';

/**
 * What is known of a finished run: `espalier.json`, and the source of the model card. It holds no row of the training
 * data. Losses are means per supervised token, in nats.
 */
export interface RunRecord {
  readonly espalier: { readonly version: string; readonly numericsVersion: number };
  readonly job: { readonly name: string };
  readonly recipeHash: string;
  readonly adapterSha256: string;
  readonly base: {
    readonly nameOrPath: string;
    readonly source: string;
    readonly revision: string;
    readonly sha256: string;
    readonly storedAs: string;
    readonly license: string | null;
    readonly parameters: number;
  };
  readonly data: {
    readonly training: DataSummary;
    readonly evaluation: DataSummary | null;
    readonly maxTokens: number;
    readonly packing: boolean;
    readonly supervise: string;
  };
  readonly method: RecipeMethod;
  readonly hyperparameters: readonly Hyperparameter[];
  readonly steps: number;
  readonly trainableParameters: number;
  readonly loss: { readonly first: number; readonly last: number };
  readonly evaluationLoss: Change | null;
  /** On text that has nothing to do with the job: what the adapter unlearned. */
  readonly generalLoss: (Change & { readonly text: string }) | null;
  /** Share of held-out questions whose answer holds the key term, 0 to 1. */
  readonly recall: (Change & { readonly questions: number }) | null;
  readonly cost: {
    readonly seconds: number;
    /** Tokens that went through forward and backward, padding not counted. */
    readonly trainedTokens: number;
    readonly tokensPerSecond: number;
    readonly peakRssBytes: number;
    readonly workers: number;
    readonly energy: {
      readonly joules: number;
      readonly method: 'nvml' | 'rapl' | 'kepler' | 'estimate';
      /** Share of the run's time that was measured, 0 to 1. */
      readonly coverage: number;
    } | null;
  };
  readonly numerics: {
    readonly class: string;
    /** Hash of gradients of this very job, as the machine computes them: equal ones give equal adapters. */
    readonly fingerprint: string;
    readonly device: string;
    readonly precision: string;
  };
  /** Exports that were left out, and why. */
  readonly omitted: readonly { readonly what: string; readonly why: string }[];
  readonly finishedAt: string;
}

export interface Change {
  readonly before: number;
  readonly after: number;
}

export interface DataSummary {
  readonly sources: readonly { readonly source: string; readonly sha256: string }[];
  readonly rows: number;
  readonly usedRows: number;
  readonly dropped: readonly { readonly reason: string; readonly rows: number }[];
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly truncatedRows: number;
}

export interface Hyperparameter {
  /** Path in the job, e.g. `training.learningRate`. */
  readonly name: string;
  readonly value: string | number | boolean;
  /** The job did not set it. */
  readonly isDefault: boolean;
}
