import type { EngineSetup } from '../engine/strategy/strategy.js';
import type { Base } from '../model/base.js';
import type { Recipe } from './recipe.js';

/** What a recipe's engines are opened with, on this machine's copy of the base. */
export const engineSetup = (recipe: Recipe, base: Pick<Base, 'directory' | 'tensors'>): EngineSetup => ({
  base: { directory: base.directory, spec: recipe.base.spec, tensors: base.tensors },
  method: recipe.method,
  layout: recipe.layout,
  seed: recipe.training.seed,
  attentionBlock: recipe.engine.attentionBlock,
  headChunk: recipe.engine.headChunk,
  strategy: recipe.engine.strategy,
  device: recipe.engine.device,
});
