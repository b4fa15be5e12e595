import type { RecipeMethod } from '../recipe/recipe.js';
import { methods } from './index.js';
import { adapterLayout, parametersOf, tensorIn } from './layout.js';
import type { Site } from './sites.js';

/** The adapter vector before step 0; gaps and the statistics slot are 0. */
export function initialAdapter(method: RecipeMethod, sites: readonly Site[]): Float32Array {
  const vector = new Float32Array(adapterLayout(method, sites).length);
  const streams = new Map(method.modules.map((path, index) => [path, index]));
  for (const { tensor, site, parameter } of parametersOf(method, sites)) {
    const values = methods[method.name].initialise(site, parameter, method, streams.get(site.path)!);
    tensorIn(vector, tensor).set(values);
  }
  return vector;
}
