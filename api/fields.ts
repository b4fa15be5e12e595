import { z } from 'zod';

/**
 * Scalars that several sections share. Every string, list and map has a bound: the API server refuses a CRD whose CEL rules
 * could run over unbounded values. Patterns are RE2 (no look-around), because the API server runs them too.
 */

/** A DNS-1123 label: names of connections, secrets, volumes. */
export const label = (what: string, example: string) =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .meta({ description: what, examples: [example], expected: 'a name of lower-case letters, digits and -' });

/** A URL or path: hf://, s3://, a file or a folder. */
export const location = (what: string, example: string) =>
  z
    .string()
    .min(1)
    .max(2048)
    .regex(/^[^\s]([^\r\n]*[^\s])?$/)
    .meta({ description: what, examples: [example], expected: 'a path or URL' });

export const count = (what: string, { min = 1, max }: { min?: number; max: number }) =>
  z.int().min(min).max(max).describe(what);

/** A duration. The unit is in the field's name, the value is a whole number. */
export const seconds = (what: string, { min = 0, max = 31_536_000 }: { min?: number; max?: number } = {}) =>
  z.int().min(min).max(max).describe(what);

/** A number above 0. */
export const positive = (what: string, { max, example }: { max: number; example: number }) =>
  z
    .number()
    .positive()
    .max(max)
    .meta({ description: what, examples: [example] });

/** A number in [min, below). */
export const fraction = (what: string, { min = 0, below = 1 }: { min?: number; below?: number } = {}) =>
  z.number().min(min).lt(below).describe(what);

const quantityPattern = /^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$/;

/** A memory quantity as Kubernetes writes it. */
export const memoryQuantity = (what: string) =>
  z
    .string()
    .min(1)
    .max(32)
    .regex(quantityPattern)
    .meta({ description: what, examples: ['4Gi'], expected: 'a memory quantity such as 4Gi or 512Mi', quantity: true });

/** Any Kubernetes quantity: counts, milli-units, memory. */
export const quantity = () =>
  z
    .string()
    .min(1)
    .max(32)
    .regex(/^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi|Ti|k|M|G|T)?$/)
    .meta({ examples: ['2'], expected: 'a quantity such as 2, 500m or 4Gi', quantity: true });

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** Bytes of a validated memory quantity, rounded up. */
export function quantityBytes(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(text);
  const unit = unitBytes[match?.[2] ?? 'none'];
  if (!match || unit === undefined) throw new TypeError(`not a memory quantity: ${text}`);
  return Math.ceil(Number(match[1]) * unit);
}

/** A map of text to `value` with at most `most` entries; the bound is enforced here and by the API server. */
export const boundedMap = <V extends z.ZodType>(value: V, most: number, what: string) =>
  z
    .record(z.string().min(1).max(317), value)
    .refine((map) => Object.keys(map).length <= most, { message: `more than ${most} entries` })
    .meta({ description: what, maxProperties: most });
