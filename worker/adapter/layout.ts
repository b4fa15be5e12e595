import { byCodeUnit } from '../../common/hash.js';
import type { AdapterLayout, AdapterTensor } from '../engine/engine.js';
import type { RecipeMethod } from '../recipe/recipe.js';
import { methods } from './index.js';
import type { Site } from './sites.js';

/** Tensors start at multiples of 64 bytes, so that the runtime takes the same kernels wherever the vector lies. */
const alignment = 16;
const aligned = (floats: number): number => floats + ((alignment - (floats % alignment)) % alignment);

/** One trained tensor, from every side. */
export interface Parameter {
  readonly tensor: AdapterTensor;
  readonly site: Site;
  /** PEFT's short name, e.g. `lora_A`. */
  readonly parameter: string;
}

/** The wrapped sites in the order of `method.modules`. */
export function wrappedSites(method: RecipeMethod, sites: readonly Site[]): readonly Site[] {
  const byPath = new Map(sites.map((site) => [site.path, site]));
  return method.modules.map((path) => byPath.get(path)!);
}

/** Every trained tensor with its place in the flat vector, in order of name. */
export function parametersOf(method: RecipeMethod, sites: readonly Site[]): readonly Parameter[] {
  const { parameters, peft } = methods[method.name];
  const named = wrappedSites(method, sites).flatMap((site) =>
    Object.entries(parameters(site, method)).map(([parameter, shape]) => ({
      site,
      parameter,
      name: peft.key(site, parameter),
      shape,
    })),
  );
  named.sort((a, b) => byCodeUnit(a.name, b.name));
  let offset = 0;
  return named.map(({ site, parameter, name, shape }) => {
    const tensor = { name, shape, offset };
    offset = aligned(offset + sizeOf(shape));
    return { tensor, site, parameter };
  });
}

/** The flat adapter vector: tensors in order of name, then the statistics slot. */
export function adapterLayout(method: RecipeMethod, sites: readonly Site[]): AdapterLayout {
  const tensors = parametersOf(method, sites).map(({ tensor }) => tensor);
  const last = tensors.at(-1)!;
  const lossSlot = aligned(last.offset + sizeOf(last.shape));
  return { tensors, lossSlot, length: lossSlot + alignment };
}

/** Trained numbers, gaps not counted. */
export const trainableParameters = (layout: AdapterLayout): number =>
  layout.tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** A view of one tensor inside the vector. */
export const tensorIn = (vector: Float32Array, tensor: AdapterTensor): Float32Array =>
  vector.subarray(tensor.offset, tensor.offset + sizeOf(tensor.shape));

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
