import { entry } from './entry.js';

/** ESP-7nnn: object stores. */
export const storeErrors = {
  ObjectMissing: entry<{ url: string }>({
    code: 'ESP-7001',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 3,
    message: ({ url }) => `no object at ${url}`,
    remedy: () => 'check bucket, key and credentials',
  }),
};
