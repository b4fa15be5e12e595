import { entry } from './entry.js';

/** ESP-3nnn: training and evaluation data, tokenizers, chat templates. */
export const dataErrors = {
  DataMissing: entry<{ source: string }>({
    code: 'ESP-3001',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ source }) => `no data at ${source}`,
    remedy: () => 'check spec.data: paths are relative to the job file',
  }),
};
