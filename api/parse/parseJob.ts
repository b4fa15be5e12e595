import { EspalierError } from '../errors.js';
import { apiVersion, type FineTuneJob, fineTuneJob, kind } from '../fineTuneJob.js';
import { jobSchema, schemaAt, withDefaults } from '../jsonSchema.js';
import { nearest } from '../nearest.js';
import { flow, type Problem, renderPath } from '../problem.js';
import { reader } from '../rule.js';
import { rules } from '../rules.js';
import { type JobDocument, readJobDocument } from './jobDocument.js';
import { problemsOf } from './problems.js';

export interface ParseOptions {
  /** Named in messages. */
  readonly file: string;
  /** `path=value` overrides, applied in order before validation. */
  readonly set?: readonly string[];
}

/** A manifest's text -> a valid job with its defaults. Throws one `JobInvalid` with every problem in it. */
export function parseJob(text: string, { file, set = [] }: ParseOptions): FineTuneJob {
  return validate(readJobDocument(text.replace(/^\uFEFF/, ''), set), file);
}

/** The same for an object that is already data, e.g. from the API server or a test. */
export function checkJob(value: unknown, { file }: { readonly file: string }): FineTuneJob {
  return validate({ value, problems: [], locate: () => ({ line: null, column: null, set: null }) }, file);
}

function validate(document: JobDocument, file: string): FineTuneJob {
  if (document.value === undefined) throw invalid(file, document.problems);
  const foreign = otherResource(document);
  if (foreign) throw invalid(file, [...document.problems, ...foreign]);

  const root = jobSchema();
  const parsed = fineTuneJob.safeParse(document.value);
  const bySchema = parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, root, document));
  const spec = reader(withDefaults(schemaAt(root, ['spec']), reader(document.value).value('spec')));
  const byRules = rules
    .flatMap((rule) => rule.broken(spec))
    .map(({ path, what, instead }): Problem => {
      const value = spec.value(...path);
      const shown = typeof value === 'object' ? null : flow(value);
      return {
        path: renderPath(['spec', ...path]),
        ...document.locate(['spec', ...path]),
        value: shown,
        what,
        instead,
      };
    });
  const problems = [...document.problems, ...bySchema, ...byRules];
  if (!parsed.success || problems.length > 0) throw invalid(file, problems);
  // The rule `exactlyOne method` has made the optional members of `method` the union that the type says.
  return parsed.data as unknown as FineTuneJob;
}

/** Another kind of object: said alone, unless it is a typo of ours and the rest can be checked as well. */
function otherResource(document: JobDocument): Problem[] | undefined {
  const read = reader(document.value);
  const wrong = (
    [
      ['kind', kind],
      ['apiVersion', apiVersion],
    ] as const
  ).filter(([field, right]) => {
    const written = read.text(field);
    return written !== undefined && written !== right && nearest(written, [right]).length === 0;
  });
  if (wrong.length === 0) return undefined;
  return wrong.map(([field, right]) => ({
    path: field,
    ...document.locate([field]),
    value: flow(read.text(field)),
    what: `is not ${right}`,
    instead: `write ${field}: ${right}`,
  }));
}

function invalid(file: string, problems: readonly Problem[]): EspalierError<'JobInvalid'> {
  const sorted = [...problems].sort(
    (a, b) =>
      (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER) || (a.column ?? 0) - (b.column ?? 0),
  );
  return new EspalierError('JobInvalid', { file, problems: sorted });
}
