import { methods } from '../adapter/index.js';
import { sitesOf } from '../adapter/sites.js';
import type { ModelSpec } from '../model/spec.js';
import type { RecipeMethod } from '../recipe/recipe.js';

/** What adapter_config.json says of the base. */
export interface PeftBase {
  readonly spec: ModelSpec;
  readonly nameOrPath: string;
  /** A commit of the hub, null for anything else: PEFT hands it to the hub. */
  readonly revision: string | null;
}

/** adapter_config.json: every field that PEFT 0.21 writes for a LoraConfig, with the values of these settings. */
export function peftConfig(method: RecipeMethod, base: PeftBase): Readonly<Record<string, unknown>> {
  return {
    ...unusedFields,
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base.nameOrPath,
    revision: base.revision,
    inference_mode: true,
    ...methods[method.name].peft.config(method, sitesOf(base.spec)),
  };
}

const unusedFields = {
  alora_invocation_tokens: null,
  alpha_pattern: {},
  arrow_config: null,
  auto_mapping: null,
  corda_config: null,
  ensure_weight_tying: false,
  eva_config: null,
  exclude_modules: null,
  kasa_config: null,
  layer_replication: null,
  layers_pattern: null,
  layers_to_transform: null,
  loftq_config: {},
  lora_bias: false,
  lora_ga_config: null,
  megatron_config: null,
  megatron_core: 'megatron.core',
  modules_to_save: null,
  monteclora_config: null,
  peft_version: '0.21.2',
  qalora_group_size: 16,
  rank_pattern: {},
  target_parameters: null,
  trainable_token_indices: null,
  use_bdlora: null,
  use_qalora: false,
  velora_config: null,
} as const;
