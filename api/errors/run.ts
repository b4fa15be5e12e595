import { entry } from './entry.js';

const didYouMean = (nearest: readonly string[], otherwise: string): string =>
  nearest.length > 0 ? `did you mean ${nearest.join(' or ')}?` : otherwise;

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
  CommandUnknown: entry<{ written: string; nearest: readonly string[] }>({
    code: 'ESP-9002',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ written }) => (written === '' ? 'no command given' : `no command ${written}`),
    remedy: ({ nearest }) => didYouMean(nearest, 'see espalier --help'),
  }),
  FlagUnknown: entry<{ command: string; flag: string; nearest: readonly string[] }>({
    code: 'ESP-9003',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ command, flag }) => `espalier ${command} has no flag ${flag}`,
    remedy: ({ command, nearest }) => didYouMean(nearest, `see espalier ${command} --help`),
  }),
  ArgumentInvalid: entry<{ command: string; argument: string; what: string; usage: string }>({
    code: 'ESP-9004',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ command, argument, what }) => `espalier ${command}: ${argument} ${what}`,
    remedy: ({ usage }) => `usage: ${usage}`,
  }),
  Interrupted: entry<{ resume: string | null }>({
    code: 'ESP-9005',
    retry: true,
    grpc: 'CANCELLED',
    exit: 130,
    message: () => 'interrupted',
    remedy: ({ resume }) => (resume === null ? 'nothing was left half done; run it again' : `go on with: ${resume}`),
  }),
  CachedBaseUnknown: entry<{ written: string; nearest: readonly string[] }>({
    code: 'ESP-9006',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ written }) => `the cache holds no base ${written}`,
    remedy: ({ nearest }) => didYouMean(nearest, 'espalier cache ls lists them'),
  }),
};
