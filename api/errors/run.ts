import { entry } from './entry.js';

/** ESP-9nnn: running on one machine, the command line, the cluster. */
export const runErrors = {
  Internal: entry<{ what: string }>({
    code: 'ESP-9001',
    retry: false,
    grpc: 'INTERNAL',
    exit: 70,
    message: ({ what }) => what,
    remedy: () => 'this is a fault of Espalier: please report it with the log',
  }),
};
