import { type Family, preNormLayer } from './family.js';

/** Qwen3: RMS norm per head on q and k before RoPE, a head size of its own, no biases. */
export const qwen3: Family = { layer: preNormLayer };
