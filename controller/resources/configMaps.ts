import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import { type RecipeReference, recipeReference } from '../../api/podVerdict.js';
import type { V1ConfigMap } from '../cluster/kube/objects.js';
import type { WorkerIdentity } from '../settings.js';
import { childNames, metadataOf, type Owner, trustMetadata } from './names.js';

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

/** Whom the pods of a namespace trust. It follows the authority, and so do they without a restart. */
export const trustConfigMap = (namespace: string, { authority, controllerAuthority }: WorkerIdentity): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: trustMetadata(namespace),
  data: { 'ca.crt': authority, 'controller-ca.crt': controllerAuthority ?? '' },
});

export const textOfJob = ({ data }: V1ConfigMap): string => data?.['job.json'] ?? '{}';
export const readJobConfigMap = (map: V1ConfigMap): FineTuneJob =>
  checkJob(JSON.parse(textOfJob(map)), { file: 'the resolved job' });

export const readRecipeConfigMap = ({ data }: V1ConfigMap): RecipeReference =>
  recipeReference.parse(JSON.parse(data?.['recipe.json'] ?? '{}'));
