import type { EngineSetup, StrategyName } from '../engine/strategy/strategy.js';
import type { Base } from '../model/base.js';
import type { Recipe } from './recipe.js';

/**
 * What a recipe's engines are opened with, on this machine's copy of the base. The strategy is no part of the recipe: both
 * give the same bits, so each machine takes the one that fits its memory (docs/adr/0008).
 */
export const engineSetup = (
  recipe: Recipe,
  base: Pick<Base, 'directory' | 'tensors'>,
  strategy: StrategyName,
): EngineSetup => ({
  base: { directory: base.directory, spec: recipe.base.spec, tensors: base.tensors },
  method: recipe.method,
  layout: recipe.layout,
  seed: recipe.training.seed,
  attentionBlock: recipe.engine.attentionBlock,
  headChunk: recipe.engine.headChunk,
  strategy,
  device: recipe.engine.device,
});
