import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import type { RecipeReference } from '../../api/podVerdict.js';
import type { SecretOf } from '../preflight/places.js';

/** Where the controller mounts things (controller/resources/podParts.ts has the other end). */
export const paths = {
  job: '/etc/espalier/job/job.json',
  recipe: '/etc/espalier/recipe/recipe.json',
  /** Proves to the controller which pod this is; replaced before it expires. */
  podToken: '/etc/espalier/identity/token',
  /** PEM of whose certificates are trusted; follows a rotation. */
  authority: '/etc/espalier/identity/ca.crt',
  /** The same for the controller's server; empty = the system's roots. */
  controllerAuthority: '/etc/espalier/identity/controller-ca.crt',
  secrets: '/etc/espalier/secrets',
  cache: '/var/cache/espalier',
  work: '/var/lib/espalier',
  lastWords: '/dev/termination-log',
} as const;
export type Paths = { readonly [Name in keyof typeof paths]: string };

export const readJob = ({ job }: Pick<Paths, 'job'>): FineTuneJob =>
  checkJob(JSON.parse(readFileSync(job, 'utf8')), { file: 'the job' });

/** What a worker needs of it: a later controller may write more. */
export function readRecipeReference({
  recipe,
}: Pick<Paths, 'recipe'>): Pick<RecipeReference, 'recipeHash' | 'preparedUrl'> {
  const { recipeHash, preparedUrl } = JSON.parse(readFileSync(recipe, 'utf8')) as Partial<RecipeReference>;
  if (!recipeHash || !preparedUrl) return fail('Internal', { what: `${recipe} names no recipe` });
  return { recipeHash, preparedUrl };
}

/** One file per key, as Kubernetes mounts a Secret. */
export const mountedSecrets =
  ({ secrets }: Pick<Paths, 'secrets'>): SecretOf =>
  (name) => {
    const folder = join(secrets, name);
    const keys = readdirSync(folder).filter((key) => !key.startsWith('..'));
    return Object.fromEntries(keys.map((key) => [key, readFileSync(join(folder, key), 'utf8').trim()]));
  };
