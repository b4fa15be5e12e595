import { type Family, preNormLayer } from './family.js';

/** Llama 1 to 3, SmolLM2: RoPE with scalings, grouped queries, optional biases, tied or untied head. */
export const llama: Family = { layer: preNormLayer };
