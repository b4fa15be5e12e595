import type { SchemaNode } from '../jsonSchema.js';
import type { Rule } from '../rule.js';

/** A structural schema of an apiextensions.k8s.io/v1 CRD. */
export type Structural = Readonly<Record<string, unknown>>;

/** A CEL rule and where it is put: path of property names below the converted node. */
export interface CelRule {
  readonly at: readonly string[];
  readonly rule: string;
  readonly message: string;
  readonly messageExpression?: string | undefined;
  readonly fieldPath?: string | undefined;
}

export const celRules = (rules: readonly Rule[]): CelRule[] =>
  rules.flatMap(({ at, cel, message, celMessage, celField }) =>
    cel === undefined ? [] : [{ at, rule: cel, message, messageExpression: celMessage, fieldPath: celField }],
  );

/** What a validation looks like in a CRD. */
const validation = ({ at: _, ...rule }: CelRule): Structural => pruned(rule);

/**
 * JSON Schema as zod emits it -> structural schema: no additionalProperties: false (the API server prunes), exclusive bounds
 * as booleans, list types, CEL rules, also for patterns that have words. Values of several types become untyped preserved fields: the API server keeps them as
 * they are and the preflight checks them.
 */
export function structural(node: SchemaNode, rules: readonly CelRule[]): Structural {
  const own = [...rules.filter(({ at }) => at.length === 0), ...patternRule(node)].map(validation);
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

/** A pattern that has words for people is a rule: the API server would print the expression and nothing else. */
function patternRule({ pattern, expected }: SchemaNode): CelRule[] {
  if (pattern === undefined || expected === undefined) return [];
  return [{ at: [], rule: `self.matches(r'${re2(pattern)}')`, message: `is not ${expected}` }];
}

const re2 = (pattern: string): string => pattern.replaceAll('\\/', '/');

function bounds(node: SchemaNode): Structural {
  return {
    enum: node.enum ?? (node.const === undefined ? undefined : [node.const]),
    format: node.type === 'integer' ? (node.maximum! < 2 ** 31 ? 'int32' : 'int64') : node.format,
    pattern: node.expected === undefined && node.pattern !== undefined ? re2(node.pattern) : undefined,
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
