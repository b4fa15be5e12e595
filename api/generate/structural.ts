import type { SchemaNode } from '../jsonSchema.js';
import type { Rule } from '../rules.js';

/** A structural schema of an apiextensions.k8s.io/v1 CRD. */
export type Structural = Readonly<Record<string, unknown>>;

/** A CEL rule and where it is put: path of property names below the converted node. */
export interface CelRule {
  readonly at: readonly string[];
  readonly rule: string;
  readonly message: string;
}

export const celRules = (rules: readonly Rule[]): CelRule[] =>
  rules.flatMap(({ at, cel, message }) => (cel === undefined ? [] : [{ at, rule: cel, message }]));

/**
 * JSON Schema as zod emits it -> structural schema: no additionalProperties: false (the API server prunes), exclusive bounds
 * as booleans, list types, CEL rules. Values of several types become untyped preserved fields: the API server keeps them as
 * they are and the preflight checks them.
 */
export function structural(node: SchemaNode, rules: readonly CelRule[]): Structural {
  const own = rules.filter(({ at }) => at.length === 0).map(({ rule, message }) => ({ rule, message }));
  const common = pruned({ description: node.description, default: node.default });
  if (node.anyOf) return { ...common, 'x-kubernetes-preserve-unknown-fields': true };
  return pruned({
    ...common,
    type: node.type,
    ...bounds(node),
    ...members(node, rules),
    'x-kubernetes-preserve-unknown-fields': node.openObject,
    'x-kubernetes-validations': own.length > 0 ? own : undefined,
  });
}

function bounds(node: SchemaNode): Structural {
  return {
    enum: node.enum ?? (node.const === undefined ? undefined : [node.const]),
    format: node.type === 'integer' ? (node.maximum! < 2 ** 31 ? 'int32' : 'int64') : node.format,
    pattern: node.pattern?.replaceAll('\\/', '/'),
    minLength: node.minLength,
    maxLength: node.maxLength,
    minimum: node.exclusiveMinimum ?? node.minimum,
    exclusiveMinimum: node.exclusiveMinimum === undefined ? undefined : true,
    maximum: node.exclusiveMaximum ?? node.maximum,
    exclusiveMaximum: node.exclusiveMaximum === undefined ? undefined : true,
    minItems: node.minItems,
    maxItems: node.maxItems,
    maxProperties: node.maxProperties,
  };
}

function members(node: SchemaNode, rules: readonly CelRule[]): Structural {
  if (node.type === 'array') {
    return {
      items: structural(node.items ?? {}, []),
      'x-kubernetes-list-type': node.listMapKeys ? 'map' : 'atomic',
      'x-kubernetes-list-map-keys': node.listMapKeys,
    };
  }
  const properties = Object.entries(node.properties ?? {}).map(([name, child]) => {
    const inner = rules.filter(({ at }) => at[0] === name).map((rule) => ({ ...rule, at: rule.at.slice(1) }));
    return [name, structural(child, inner)] as const;
  });
  const extra = node.additionalProperties;
  return {
    properties: properties.length > 0 ? Object.fromEntries(properties) : undefined,
    required: node.required?.length ? node.required : undefined,
    additionalProperties: typeof extra === 'object' && !node.openObject ? structural(extra, []) : undefined,
  };
}

const pruned = (object: Record<string, unknown>): Structural =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
