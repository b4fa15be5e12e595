import { fail } from '../../api/errors.js';

/** The part of adapter_config.json that changes what the adapter computes. */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly rsLora: boolean;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
}

const merge = 'merge it into its base with PEFT (merge_and_unload) and use the result as the base';

/** Fields that must be absent or neutral, by the name under which their feature is refused. */
const refused: readonly { field: string; feature: string; neutral: readonly unknown[]; instead: string }[] = [
  { field: 'use_dora', feature: 'DoRA', neutral: [false], instead: merge },
  { field: 'bias', feature: 'trained biases (bias)', neutral: ['none'], instead: merge },
  { field: 'lora_bias', feature: 'lora_bias', neutral: [false], instead: merge },
  { field: 'modules_to_save', feature: 'modules_to_save', neutral: [], instead: merge },
  { field: 'trainable_token_indices', feature: 'trainable_token_indices', neutral: [], instead: merge },
  { field: 'target_parameters', feature: 'target_parameters', neutral: [], instead: merge },
  { field: 'layer_replication', feature: 'layer_replication', neutral: [], instead: merge },
  { field: 'fan_in_fan_out', feature: 'fan_in_fan_out', neutral: [false], instead: 'use a base with linear layers' },
  { field: 'use_qalora', feature: 'QALoRA', neutral: [false], instead: merge },
  { field: 'use_bdlora', feature: 'BD-LoRA', neutral: [false], instead: merge },
  { field: 'alora_invocation_tokens', feature: 'aLoRA', neutral: [], instead: 'run it with PEFT' },
  { field: 'arrow_config', feature: 'Arrow routing', neutral: [], instead: 'run it with PEFT' },
  { field: 'kasa_config', feature: 'KaSA', neutral: [], instead: merge },
  { field: 'velora_config', feature: 'VeLoRA', neutral: [], instead: merge },
  { field: 'monteclora_config', feature: 'MonteCLoRA', neutral: [], instead: merge },
];

/** Initialisers that only choose A's first value. The others changed the base itself, which the file does not hold. */
const plainInitialisers = [true, false, 'gaussian', 'orthogonal', 'eva'];

export function loraConfig(path: string, json: string): LoraConfig {
  const config = parse(path, json);
  if (config.peft_type !== 'LORA')
    fail('AdapterUnsupported', { path, feature: `the method ${String(config.peft_type)}`, instead: merge });
  for (const { field, feature, neutral, instead } of refused) {
    const value = config[field];
    if (!isEmpty(value) && !neutral.includes(value)) fail('AdapterUnsupported', { path, feature, instead });
  }
  const init = config.init_lora_weights ?? true;
  if (!plainInitialisers.includes(init as never))
    fail('AdapterUnsupported', {
      path,
      feature: `the initialiser ${String(init)}, which changed the base`,
      instead: 'save it with path_initial_model_for_weight_conversion, which makes a plain LoRA of it',
    });
  return {
    rank: positive(path, 'r', config.r),
    alpha: positive(path, 'lora_alpha', config.lora_alpha),
    rsLora: config.use_rslora === true,
    rankPattern: pattern(path, 'rank_pattern', config.rank_pattern),
    alphaPattern: pattern(path, 'alpha_pattern', config.alpha_pattern),
  };
}

/** PEFT takes the first pattern, in the order of the file, that matches the whole path or a dotted end of it. */
export function rankAndScale(config: LoraConfig, module: string): { rank: number; alpha: number; scale: number } {
  const rank = matched(config.rankPattern, module) ?? config.rank;
  const alpha = matched(config.alphaPattern, module) ?? config.alpha;
  return { rank, alpha, scale: config.rsLora ? alpha / Math.sqrt(rank) : alpha / rank };
}

const matched = (patterns: Readonly<Record<string, number>>, module: string): number | undefined =>
  Object.entries(patterns).find(([key]) => new RegExp(`^(?:.*\\.)?(?:${key})$`).test(module))?.[1];

function parse(path: string, json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    fail('AdapterInvalid', { path, what: 'adapter_config.json is no JSON' }, { cause });
  }
  return fail('AdapterInvalid', { path, what: 'adapter_config.json is no JSON object' });
}

function positive(path: string, field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  return fail('AdapterInvalid', { path, what: `${field} is ${JSON.stringify(value)} in adapter_config.json` });
}

function pattern(path: string, field: string, value: unknown): Readonly<Record<string, number>> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  for (const [key, item] of entries) {
    positive(path, `${field}.${key}`, item);
    try {
      new RegExp(key);
    } catch (cause) {
      fail('AdapterInvalid', { path, what: `${field} holds ${JSON.stringify(key)}, no regular expression` }, { cause });
    }
  }
  return Object.fromEntries(entries) as Record<string, number>;
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value).length === 0);
