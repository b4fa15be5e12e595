import { methods } from '../../adapter/index.js';
import { parametersOf } from '../../adapter/layout.js';
import { sitesOf } from '../../adapter/sites.js';
import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Value } from '../../engine/ir/graph.js';
import type { RecipeMethod } from '../../recipe/recipe.js';
import type { TensorLocation } from '../base.js';
import type { Forward } from '../blocks/forward.js';
import { families } from '../families/index.js';
import type { ModelSpec } from '../spec.js';

/** The frozen model and the method that adapts it; null = the bare base. */
export interface AdaptedModel {
  readonly spec: ModelSpec;
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  readonly method: RecipeMethod | null;
}

/** The same model as it answers: nothing is dropped. */
export const withoutDropout = <Options extends AdaptedModel>(options: Options): Options => ({
  ...options,
  method: options.method && { ...options.method, dropout: 0 },
});

/** What a graph chooses for itself: how tokens know their positions and what they attend to. */
export type Surroundings = Pick<Forward, 'b' | 'batch' | 'tokens' | 'rotate' | 'attend'>;

/** The adapter's tensors as graph inputs, by PEFT key, in order of name. */
export type AdapterInputs = ReadonlyMap<string, Value>;

/** Declares the adapter's inputs and joins model and surroundings to what the blocks work with. */
export function createForward(
  { spec, tensors, method }: AdaptedModel,
  surroundings: Surroundings,
): { forward: Forward; adapter: AdapterInputs } {
  const { b } = surroundings;
  const weight = (name: string): Value => b.weight(name, tensors.get(name)!);
  const sites = new Map(sitesOf(spec).map((site) => [site.path, site]));
  const adapter = new Map<string, Value>();
  const parameters = new Map<string, Record<string, Value>>();
  for (const { tensor, site, parameter } of method ? parametersOf(method, [...sites.values()]) : []) {
    const value = b.input(tensor.name, 'float32', tensor.shape);
    adapter.set(tensor.name, value);
    parameters.set(site.path, { ...parameters.get(site.path), [parameter]: value });
  }

  const linear: Forward['linear'] = (path, x, residual) => {
    const base = frozenLinear(b, weight, biasOf(spec, path), weightName(spec, path), x, residual);
    const own = parameters.get(path);
    return method && own ? methods[method.name].inject(b, sites.get(path)!, x, base, own, method) : base;
  };
  return { forward: { ...surroundings, spec, weight, linear }, adapter };
}

/** Token ids int64 [N] through all layers: hidden states [N, hidden] before the final norm. */
export function decode(f: Forward, ids: Value): Value {
  const { layer } = families[f.spec.family];
  let x = f.b.gather(f.weight('model.embed_tokens.weight'), ids);
  for (let i = 0; i < f.spec.layers; i++) x = f.b.boundary(layer(f, i, x));
  return x;
}

/** x W^T + bias + residual; one of the two rides in Gemm's C. */
function frozenLinear(
  b: GraphBuilder,
  weight: (name: string) => Value,
  bias: string | null,
  name: string,
  x: Value,
  residual: Value | undefined,
): Value {
  const addend = residual ?? (bias === null ? null : weight(bias));
  const product = b.gemm(x, weight(name), addend, { transB: true });
  return residual !== undefined && bias !== null ? b.add(product, weight(bias)) : product;
}

const weightName = (spec: ModelSpec, path: string): string =>
  path === 'lm_head' && spec.tieWordEmbeddings ? 'model.embed_tokens.weight' : `${path}.weight`;

function biasOf({ bias }: ModelSpec, path: string): string | null {
  const has = path.includes('.mlp.') ? bias.mlp : path.endsWith('.o_proj') ? bias.o : path !== 'lm_head' && bias.qkv;
  return has ? `${path}.bias` : null;
}
