import type { Method as JobMethod, MethodName } from '../../api/methods/index.js';
import type { RecipeMethod } from '../recipe/recipe.js';
import { lora } from './lora.js';
import type { AdapterMethod } from './method.js';
import type { Site } from './sites.js';

/** The one registry: a method of the schema without an entry does not compile. */
export const methods = { lora } satisfies { readonly [Name in MethodName]: AdapterMethod<Name> };

/** The recipe's method from the job's: targets resolved, the scale computed. */
export function resolveMethod(method: JobMethod, sites: readonly Site[], seed: number): RecipeMethod {
  const name = (Object.keys(methods) as MethodName[]).find((candidate) => candidate in method)!;
  return methods[name].resolve(method[name], sites, seed);
}
