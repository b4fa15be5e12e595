/** A rule over several fields of `spec`, said twice: for the manifest on disk and in CEL for the API server. */
export interface Rule {
  /** Path below spec of the object that `cel`'s `self` is; empty for spec itself. */
  readonly at: readonly string[];
  /** Absent where CEL cannot say it; the controller still does. */
  readonly cel?: string;
  /** Below `at`: the field that the API server names. */
  readonly celField?: string;
  /** CEL for what the API server says, where one sentence is not enough. */
  readonly celMessage?: string;
  /** What the API server says, and the reference page. */
  readonly message: string;
  /** Reads a spec whose defaults are filled in and whose other fields may still be wrong. */
  readonly broken: (spec: Reader) => readonly Violation[];
}

export interface Violation {
  /** Below spec. */
  readonly path: readonly (string | number)[];
  readonly what: string;
  readonly instead: string;
}

/** Typed look at an unchecked document: undefined instead of a wrong type. */
export interface Reader {
  value(...path: readonly (string | number)[]): unknown;
  number(...path: readonly (string | number)[]): number | undefined;
  text(...path: readonly (string | number)[]): string | undefined;
  list(...path: readonly (string | number)[]): readonly unknown[];
  /** Which of `keys` the object at `path` has; undefined when there is no object. */
  members(path: readonly (string | number)[], keys: readonly string[]): readonly string[] | undefined;
}

export function reader(root: unknown): Reader {
  const value: Reader['value'] = (...path) =>
    path.reduce<unknown>(
      (node, part) =>
        node !== null && typeof node === 'object' && Object.hasOwn(node, part)
          ? (node as Record<string | number, unknown>)[part]
          : undefined,
      root,
    );
  return {
    value,
    number: (...path) => {
      const found = value(...path);
      return typeof found === 'number' ? found : undefined;
    },
    text: (...path) => {
      const found = value(...path);
      return typeof found === 'string' ? found : undefined;
    },
    list: (...path) => {
      const found = value(...path);
      return Array.isArray(found) ? found : [];
    },
    members: (path, keys) => {
      const found = value(...path);
      if (found === null || typeof found !== 'object' || Array.isArray(found)) return undefined;
      return keys.filter((key) => (found as Record<string, unknown>)[key] !== undefined);
    },
  };
}
