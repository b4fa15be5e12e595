import { entry } from './entry.js';

/** ESP-2nnn: the base: where it comes from, its files, its architecture. */
export const baseErrors = {
  BaseMissing: entry<{ source: string }>({
    code: 'ESP-2001',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ source }) => `no base at ${source}`,
    remedy: () => 'give a Hugging Face folder, a .gguf file, hf://owner/name or s3://bucket/prefix',
  }),
};
