import { entry, list } from './entry.js';

/** ESP-91nn: preparing and launching a job on this machine or in a pod. */
export const launchErrors = {
  ConnectionUnknown: entry<{ name: string; known: readonly string[] }>({
    code: 'ESP-9101',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ name }) => `no connection is called ${name}`,
    remedy: ({ known }) => `add it to spec.connections (there: ${list(known)})`,
  }),
  RecipeCorrupt: entry<{ folder: string; file: string; expected: string; found: string }>({
    code: 'ESP-9102',
    retry: false,
    grpc: 'DATA_LOSS',
    exit: 3,
    message: ({ folder, file, expected, found }) => `${folder}/${file} has hash ${found} instead of ${expected}`,
    remedy: ({ folder }) => `remove ${folder} and run the job again`,
  }),
  RunBusy: entry<{ folder: string; pid: number }>({
    code: 'ESP-9103',
    retry: true,
    grpc: 'ABORTED',
    exit: 3,
    message: ({ folder, pid }) => `process ${pid} already runs this job in ${folder}`,
    remedy: ({ pid }) => `wait for process ${pid} or stop it`,
  }),
  WorkersLost: entry<{ how: string; log: string }>({
    code: 'ESP-9104',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ how }) => `no worker is left: ${how}`,
    remedy: ({ log }) => `see ${log}; running the job again goes on from the last checkpoint`,
  }),
  BaseChanged: entry<{ folder: string; expected: string; found: string }>({
    code: 'ESP-9105',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 2,
    message: ({ folder, expected, found }) => `the base in ${folder} has hash ${found}, the recipe wants ${expected}`,
    remedy: () => 'run the job again: it is prepared anew for the base that is there now',
  }),
  WorkerSpinning: entry<{ member: string; busyMs: number }>({
    code: 'ESP-9106',
    retry: true,
    grpc: 'INTERNAL',
    exit: 70,
    message: ({ member, busyMs }) =>
      `${member} computed for ${busyMs / 1000} s without hearing anybody, and ended itself`,
    remedy: () => 'another worker takes its place; if it comes again, tell us what was going on',
  }),
};
