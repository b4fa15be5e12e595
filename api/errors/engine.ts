import { entry } from './entry.js';

/** ESP-5nnn: graphs, sessions, memory. */
export const engineErrors = {
  MemoryInsufficient: entry<{ needBytes: number; availableBytes: number; setting: string }>({
    code: 'ESP-5001',
    retry: false,
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 2,
    message: ({ needBytes, availableBytes }) =>
      `training needs ${(needBytes / 2 ** 30).toFixed(1)} GiB per worker, ${(availableBytes / 2 ** 30).toFixed(1)} GiB are available`,
    remedy: ({ setting }) => `lower ${setting}`,
  }),
  GraphInvalid: entry<{ what: string }>({
    code: 'ESP-5002',
    retry: false,
    grpc: 'INTERNAL',
    exit: 70,
    message: ({ what }) => `the model graph is not well formed: ${what}`,
    remedy: () => 'this is a fault of Espalier: please report it with the log',
  }),
};
