import type { Method as JobMethod, MethodName } from '../../api/methods/index.js';
import type { GraphBuilder } from '../engine/ir/builder.js';
import type { Value } from '../engine/ir/graph.js';
import type { RecipeMethod } from '../recipe/recipe.js';
import type { Site } from './sites.js';

export type MethodOf<Name extends MethodName> = Extract<RecipeMethod, { readonly name: Name }>;
export type JobMethodOf<Name extends MethodName> = Extract<JobMethod, Readonly<Record<Name, unknown>>>[Name];

/** All there is to know of one way to adapt a base. Nothing outside a method's file asks for its name. */
export interface AdapterMethod<Name extends MethodName> {
  /** What the recipe says of it: targets resolved to modules, the scale computed. */
  resolve(settings: JobMethodOf<Name>, sites: readonly Site[], seed: number): MethodOf<Name>;
  /** Trained tensors of a wrapped site by PEFT's short name, and their shapes. */
  parameters(site: Site, method: MethodOf<Name>): Readonly<Record<string, readonly number[]>>;
  /** Initial value of one tensor, row-major. `stream`: the site's index in `method.modules`. */
  initialise(site: Site, parameter: string, method: MethodOf<Name>, stream: number): Float32Array;
  /**
   * Adds the adapter to `base` = W x + bias (plus a residual, if the caller folded one in).
   * @param x [rows, in]; `base` and the result are [rows, out].
   * @param parameters values of the trained tensors by short name.
   * With `method.dropout` above 0 it asks for the graph input `dropoutInput(site.path)`, shaped like x; pass a method
   * with dropout 0 for graphs that do not train.
   */
  inject(
    b: GraphBuilder,
    site: Site,
    x: Value,
    base: Value,
    parameters: Readonly<Record<string, Value>>,
    method: MethodOf<Name>,
  ): Value;
  /** The dense change of W, [out, in] row-major, from the trained tensors by short name. */
  delta(site: Site, tensors: Readonly<Record<string, Float32Array>>, method: MethodOf<Name>): Float32Array;
  readonly peft: {
    /** Key in adapter_model.safetensors. */
    key(site: Site, parameter: string): string;
    /** The method's part of adapter_config.json. */
    config(method: MethodOf<Name>, sites: readonly Site[]): Readonly<Record<string, unknown>>;
  };
}

/** Name of the graph input that holds the dropout mask of one site, [rows, in], one row of the batch after the other. */
export const dropoutInput = (path: string): string => `dropout:${path}`;
