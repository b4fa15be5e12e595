import { entry } from './entry.js';

/** ESP-1nnn: the manifest. */
export const jobErrors = {
  JobInvalid: entry<{ file: string; problems: readonly string[] }>({
    code: 'ESP-1001',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ file, problems }) =>
      `${file} is not a valid FineTuneJob:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    remedy: () => 'correct the fields named above; the reference lists every field',
  }),
};
