import { type Family, preNormLayer } from './family.js';

/** Qwen2 and 2.5: Llama with biases on q, k and v, a sliding window in upper layers where the config asks for one. */
export const qwen2: Family = { layer: preNormLayer };
