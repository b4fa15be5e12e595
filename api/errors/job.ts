import { type Problem, renderProblem } from '../problem.js';
import { entry } from './entry.js';

/** ESP-1nnn: the manifest. */
export const jobErrors = {
  JobInvalid: entry<{ file: string; problems: readonly Problem[] }>({
    code: 'ESP-1001',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ file, problems }) =>
      `${file} is not a valid FineTuneJob:\n${problems.map((problem) => `  ${renderProblem(file, problem)}`).join('\n')}`,
    remedy: ({ problems }) =>
      `correct ${problems.length === 1 ? 'the field' : `the ${problems.length} places`} named above; docs/reference/finetunejob.md lists every field`,
  }),
  JobUnreadable: entry<{ file: string; reason: string }>({
    code: 'ESP-1002',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ file, reason }) => `cannot read ${file}: ${reason}`,
    remedy: () => 'give the path of a FineTuneJob manifest in UTF-8, or - for standard input',
  }),
};
