import { fail } from '../../api/errors.js';

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const invalid = (field: string, found: unknown, expected: string): never =>
  fail('ModelConfigInvalid', { field, found: (JSON.stringify(found) ?? 'nothing').slice(0, 80), expected });

/** Typed access to the fields of a config.json; `path` prefixes field names in errors. null counts as absent, as in Python. */
export class Fields {
  constructor(
    readonly values: JsonObject,
    private readonly path = '',
  ) {}

  count(field: string, fallback?: number): number {
    const value = this.values[field] ?? fallback;
    return Number.isSafeInteger(value) && (value as number) > 0
      ? (value as number)
      : invalid(this.path + field, value, 'a whole number above 0');
  }

  number(field: string, fallback?: number): number {
    const value = this.values[field] ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) && value > 0
      ? value
      : invalid(this.path + field, value, 'a number above 0');
  }

  optionalNumber(field: string): number | null {
    return this.values[field] == null ? null : this.number(field);
  }

  boolean(field: string, fallback: boolean): boolean {
    const value = this.values[field] ?? fallback;
    return typeof value === 'boolean' ? value : invalid(this.path + field, value, 'true or false');
  }

  text(field: string, fallback?: string): string {
    const value = this.values[field] ?? fallback;
    return typeof value === 'string' ? value : invalid(this.path + field, value, 'text');
  }

  numbers(field: string, length: number): number[] {
    const value = this.values[field];
    const fits = Array.isArray(value) && value.length === length && value.every((item) => typeof item === 'number');
    return fits ? value : invalid(this.path + field, value, `${length} numbers`);
  }

  texts(field: string): readonly string[] | null {
    const value = this.values[field] ?? null;
    if (value === null) return null;
    const fits = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return fits ? value : invalid(this.path + field, value, 'a list of texts');
  }

  object(field: string): Fields | null {
    const value = this.values[field] ?? null;
    if (value === null) return null;
    return isObject(value)
      ? new Fields(value, `${this.path}${field}.`)
      : invalid(this.path + field, value, 'an object');
  }

  /** Token ids: none, one or several. */
  tokenIds(field: string, fallback: readonly number[] = []): readonly number[] {
    const value = this.values[field];
    if (value === undefined) return fallback;
    if (value === null) return [];
    const ids = Array.isArray(value) ? value : [value];
    const fits = ids.every((id) => Number.isSafeInteger(id) && id >= 0);
    return fits ? ids : invalid(this.path + field, value, 'token ids');
  }
}
