import { z } from 'zod';
import { fineTuneJob } from './fineTuneJob.js';

/** The part of JSON Schema that zod emits for our sections, with the extra keys that `meta` adds. */
export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: boolean | SchemaNode;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly pattern?: string;
  readonly format?: string;
  /** How messages name a right value. */
  readonly expected?: string;
  /** Names that other tools give this field. */
  readonly aliases?: readonly string[];
  readonly quantity?: boolean;
  /** Any content: the API server keeps unknown fields of such an object. */
  readonly openObject?: boolean;
  readonly listMapKeys?: readonly string[];
}

export const schemaOf = (schema: z.ZodType): SchemaNode =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaNode;

/**
 * The manifest's schema, for messages, the CRD and the reference. Made at the first call and never again: it takes long, and
 * a controller reads manifests all the time.
 */
export const jobSchema: () => SchemaNode = once(() => schemaOf(fineTuneJob));

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export type Path = readonly (string | number)[];

/** The schema at a path of a document, undefined outside it. */
export function schemaAt(root: SchemaNode, path: Path): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, part) => {
    if (typeof part === 'number') return node?.items ?? node?.anyOf?.find((arm) => arm.items)?.items;
    const object = node?.properties ? node : node?.anyOf?.find((arm) => arm.properties);
    const extra = node?.additionalProperties;
    return object?.properties?.[part] ?? (typeof extra === 'object' ? extra : undefined);
  }, root);
}

/** Fills absent fields with their defaults, as the API server does; leaves wrong types alone. */
export function withDefaults(node: SchemaNode | undefined, value: unknown): unknown {
  if (!node) return value;
  if (value === undefined) return node.default === undefined ? undefined : withDefaults(node, node.default);
  if (Array.isArray(value)) return node.items ? value.map((item) => withDefaults(node.items, item)) : value;
  if (value === null || typeof value !== 'object' || !node.properties) return value;
  const filled = { ...value } as Record<string, unknown>;
  for (const [key, child] of Object.entries(node.properties)) {
    const item = withDefaults(child, filled[key]);
    if (item !== undefined) filled[key] = item;
  }
  return filled;
}
