import { z } from 'zod';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import { statusData, statusResolved } from '../../api/sections/status.js';
import type { V1ConfigMap } from '../cluster/kube/objects.js';
import type { WorkerIdentity } from '../settings.js';
import { childNames, metadataOf, type Owner } from './names.js';

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

/** The job with every default filled in. Immutable: a later controller with other defaults goes on with these. */
export const jobConfigMap = (owner: Owner, job: FineTuneJob): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadataOf(owner, childNames.job(owner.name), 'config'),
  immutable: true,
  data: { 'job.json': JSON.stringify(job) },
});

/** The identity of the training. Immutable: whatever happens to the data, this job trains what its preflight saw. */
export const recipeConfigMap = (owner: Owner, reference: RecipeReference): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadataOf(owner, childNames.recipe(owner.name), 'config'),
  immutable: true,
  data: { 'recipe.json': JSON.stringify(reference) },
});

/** Whom the pods of a job trust. It follows the authority, and so do they without a restart. */
export const authorityConfigMap = (owner: Owner, { authority, controllerAuthority }: WorkerIdentity): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metadataOf(owner, childNames.authority(owner.name), 'access'),
  data: { 'ca.crt': authority, 'controller-ca.crt': controllerAuthority ?? '' },
});

export const textOfJob = ({ data }: V1ConfigMap): string => data?.['job.json'] ?? '{}';
export const readJobConfigMap = (map: V1ConfigMap): FineTuneJob =>
  checkJob(JSON.parse(textOfJob(map)), { file: 'the resolved job' });

export const readRecipeConfigMap = ({ data }: V1ConfigMap): RecipeReference =>
  recipeReference.parse(JSON.parse(data?.['recipe.json'] ?? '{}'));
