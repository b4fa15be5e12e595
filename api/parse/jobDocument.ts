import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isPair,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import { flow, type PathPart, type Problem } from '../problem.js';
import { readSetFlag } from './setFlag.js';

/** Where a value was written. */
export type Place = Pick<Problem, 'line' | 'column' | 'set'>;

/** A manifest as plain data that still knows where everything stands in its file. */
export interface JobDocument {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The place of the value at `path` (`key`: of its name), or of the nearest thing around it that exists. */
  locate(path: readonly PathPart[], part?: 'key' | 'value'): Place;
}

/** Reads YAML (or JSON) text and lays the `--set` overrides over it. Syntax errors come back alone: nothing else can be said. */
export function readJobDocument(text: string, set: readonly string[]): JobDocument {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false }) as Document[];
  const document = documents[0];
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, set: null };
  };
  const nothing: JobDocument = { value: undefined, problems: [], locate: () => ({ line: 1, column: 1, set: null }) };
  if (!document || (document.contents === null && document.errors.length === 0)) {
    return {
      ...nothing,
      problems: [whole(at(0), 'is empty', 'write a manifest, such as examples/workplace/job.yaml')],
    };
  }

  const syntax = documents.flatMap((each) => each.errors).map((error) => syntaxProblem(error, at(error.pos[0]), text));
  // One broken place makes the parser stumble several times: the first word on a line is the one that helps.
  const first = syntax.filter(
    ({ problem }, index) => syntax.findIndex((s) => s.problem.line === problem.line) === index,
  );
  if (first.some(({ fatal }) => fatal)) return { ...nothing, problems: first.map(({ problem }) => problem) };
  const dangling = danglingAliases(document).map(({ name, offset }) =>
    whole(at(offset), `refers to *${name}, which nothing before it defines`, `define &${name} or quote the text`),
  );
  if (dangling.length > 0) return { ...nothing, problems: dangling };
  const problems = syntax.map(({ problem }) => problem);
  const second = documents[1];
  if (second && second.contents !== null) {
    problems.push(whole(at(second.range?.[0] ?? 0), 'holds a second document', 'keep one FineTuneJob per file'));
  }
  if (!isMap(document.contents)) {
    const written = flow(plain(document));
    return {
      ...nothing,
      problems: [
        ...problems,
        whole(at(0), `holds ${written} instead of a mapping`, 'start with apiVersion: and kind:'),
      ],
    };
  }

  const overrides: { path: readonly PathPart[]; flag: string }[] = [];
  for (const flag of set) {
    const read = readSetFlag(flag, document);
    if ('problem' in read) problems.push(read.problem);
    else overrides.push({ path: read.path, flag });
  }
  try {
    return {
      value: plain(document),
      problems,
      locate: (path, part = 'value') => place(document, overrides, path, part, at),
    };
  } catch (error) {
    // Only alias bombs get here.
    return { ...nothing, problems: [...problems, whole(at(0), (error as Error).message, 'write the values out')] };
  }
}

function danglingAliases(document: Document): { name: string; offset: number }[] {
  const found: { name: string; offset: number }[] = [];
  visit(document, {
    Alias: (_key, alias) => {
      if (!alias.resolve(document)) found.push({ name: alias.source, offset: alias.range?.[0] ?? 0 });
    },
  });
  return found;
}

const plain = (document: Document): unknown => document.toJS({ maxAliasCount: 100 });

const whole = (place: Place, what: string, instead: string): Problem => ({
  path: '',
  ...place,
  value: null,
  what,
  instead,
});

/** What the parser's codes mean to someone who writes YAML. */
const syntaxHelp: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'indent members of one mapping alike and close every bracket',
  MISSING_CHAR: 'close the quote or bracket',
  BLOCK_AS_IMPLICIT_KEY: 'put the nested mapping on its own, indented lines',
};

function syntaxProblem(
  error: { code: string; message: string; pos: readonly [number, number] },
  place: Place,
  text: string,
): { fatal: boolean; problem: Problem } {
  if (error.code === 'DUPLICATE_KEY') {
    const key = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? '';
    const problem = {
      path: key,
      ...place,
      value: null,
      what: 'is there twice in one mapping',
      instead: 'keep one of them',
    };
    return { fatal: false, problem };
  }
  const what = `is not YAML: ${error.message.replace(/\s+/g, ' ')}`;
  return { fatal: true, problem: whole(place, what, syntaxHelp[error.code] ?? 'correct the YAML') };
}

function place(
  document: Document,
  overrides: readonly { path: readonly PathPart[]; flag: string }[],
  path: readonly PathPart[],
  part: 'key' | 'value',
  at: (offset: number) => Place,
): Place {
  const covers = (prefix: readonly PathPart[]) => prefix.every((piece, index) => String(path[index]) === String(piece));
  const within = (longer: readonly PathPart[]) => path.every((piece, index) => String(longer[index]) === String(piece));
  const written = document.getIn(path, true);
  const created = isNode(written) && !written.range;
  const override = overrides.findLast(({ path: other }) => covers(other) || (created && within(other)));
  if (override) return { line: null, column: null, set: override.flag };
  for (let length = path.length; length > 0; length--) {
    const prefix = path.slice(0, length);
    const wanted = length === path.length ? part : 'key';
    const node = (wanted === 'key' ? keyNode(document, prefix) : undefined) ?? document.getIn(prefix, true);
    if (isNode(node) && node.range) return at(node.range[0]);
  }
  return at((document.contents as Node).range?.[0] ?? 0);
}

function keyNode(document: Document, path: readonly PathPart[]): Node | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isCollection(parent)) return undefined;
  const name = String(path.at(-1));
  const pair = parent.items.find((item) => isPair(item) && isNode(item.key) && String(item.key) === name);
  return isPair(pair) && isNode(pair.key) ? pair.key : undefined;
}
