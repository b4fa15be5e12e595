import { type Family, preNormLayer } from './family.js';

/** Mistral: Llama with a sliding window in every layer. */
export const mistral: Family = { layer: preNormLayer };
