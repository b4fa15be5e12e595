import { z } from 'zod';
import { statusData, statusResolved } from './sections/status.js';

/** What the preflight found, as workers and later controllers read it. */
export const recipeReference = z.strictObject({
  recipeHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Folder with recipe.json, tokens.bin and job.json in the output store. */
  preparedUrl: z.string().min(1).max(4096),
  steps: z.number().int().min(1),
  /** E.g. `64 rows, 3072 tokens, 1010 of them learned`. */
  summary: z.string().max(1024),
  /** For the status: what the preflight saw and resolved. */
  data: statusData.optional(),
  resolved: statusResolved.optional(),
});
export type RecipeReference = z.output<typeof recipeReference>;

/** The last words of a pod: a worker or preflight writes them, the controller reads them from the pod's status. */
export type Verdict =
  | { readonly outcome: 'ready'; readonly recipe: RecipeReference }
  | { readonly outcome: 'published'; readonly url: string; readonly adapterSha256: string }
  | { readonly outcome: 'left' }
  | {
      readonly outcome: 'failed';
      readonly name: string;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
      readonly retry: boolean;
    };
