import { type Document, isCollection, parseDocument } from 'yaml';
import { type PathPart, type Problem, renderPath } from '../problem.js';

/**
 * Applies one `--set path=value` to a document. Paths are dotted; `[0]` or `[a.b/c]` holds an index or a name with dots.
 * The value is YAML (`2`, `true`, `[64, 128]`, `{regex: ...}`); `null` removes the field.
 */
export function readSetFlag(
  flag: string,
  document: Document,
): { readonly path: readonly PathPart[] } | { readonly problem: Problem } {
  const wrong = (path: readonly PathPart[], what: string, instead: string) => ({
    problem: { path: renderPath(path), line: null, column: null, set: flag, value: null, what, instead },
  });
  const equals = flag.indexOf('=', flag.lastIndexOf(']', flag.indexOf('=')) + 1);
  const path = equals < 0 ? undefined : readPath(flag.slice(0, equals));
  if (!path) return wrong([], 'is not PATH=VALUE', 'write for example --set spec.training.epochs=2');

  const value = parseDocument(flag.slice(equals + 1), { prettyErrors: false });
  if (value.errors[0])
    return wrong(path, `has a value that is not YAML: ${value.errors[0].message}`, 'quote the value');
  for (let length = 1; length < path.length; length++) {
    const parent = document.getIn(path.slice(0, length), true);
    if (parent !== undefined && parent !== null && !isCollection(parent)) {
      const outer = path.slice(0, length);
      return wrong(
        path,
        `goes through ${renderPath(outer)}, which is a single value`,
        `set ${renderPath(outer)} itself`,
      );
    }
  }
  const plain = value.toJS() as unknown;
  if (plain === null) document.deleteIn(path);
  else document.setIn(path, document.createNode(plain));
  return { path };
}

/** `spec.data.train[0].source` -> ['spec', 'data', 'train', 0, 'source']; undefined when it is no path. */
function readPath(text: string): PathPart[] | undefined {
  const pieces = [...text.matchAll(/(?:^|\.)([^.[\]]+)|\[([^\]]+)\]/g)];
  const consumed = pieces.reduce((length, [piece]) => length + piece.length, 0);
  if (pieces.length === 0 || consumed !== text.length) return undefined;
  return pieces.map(([, name, bracket]) => {
    const part = (name ?? bracket ?? '').replace(/^"(.*)"$/, '$1');
    return /^\d+$/.test(part) ? Number(part) : part;
  });
}
