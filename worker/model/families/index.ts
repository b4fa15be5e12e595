import type { ModelSpec } from '../spec.js';
import type { Family } from './family.js';
import { llama } from './llama.js';
import { mistral } from './mistral.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';

/** The registry: a family without an entry does not compile. */
export const families = { llama, mistral, qwen2, qwen3 } satisfies Record<ModelSpec['family'], Family>;
