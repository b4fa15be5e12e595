import { entry, list } from './entry.js';

/** ESP-5nnn: graphs, sessions, memory. */
export const engineErrors = {
  MemoryInsufficient: entry<{ needBytes: number; availableBytes: number; setting: string }>({
    code: 'ESP-5001',
    retry: false,
    grpc: 'RESOURCE_EXHAUSTED',
    exit: 2,
    message: ({ needBytes, availableBytes }) =>
      `training needs ${(needBytes / 2 ** 30).toFixed(1)} GiB, ${(availableBytes / 2 ** 30).toFixed(1)} GiB are available`,
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
  ProviderMissing: entry<{ device: string; bundled: readonly string[]; reason: string }>({
    code: 'ESP-5003',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 2,
    message: ({ device, reason }) => `this machine cannot run ${device}: ${reason}`,
    remedy: ({ bundled }) =>
      `set workers.device to one of ${list(bundled)}, or use an image and a node that have the device and its drivers`,
  }),
  SessionFailed: entry<{ what: string; reason: string }>({
    code: 'ESP-5004',
    retry: false,
    grpc: 'INTERNAL',
    exit: 70,
    message: ({ what, reason }) => `ONNX Runtime could not ${what}: ${reason}`,
    remedy: () =>
      'check free memory and that the base files did not change while they were in use; else report it with the log',
  }),
  DenormalsFlushed: entry<{ where: string }>({
    code: 'ESP-5005',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 3,
    message: ({ where }) =>
      `${where} rounds denormal numbers to zero here, so its results would differ from other machines`,
    remedy: () => 'start the process without a library or setting that switches the CPU to flush-to-zero',
  }),
  EngineStopped: entry<{ reason: string }>({
    code: 'ESP-5006',
    retry: true,
    grpc: 'UNAVAILABLE',
    exit: 3,
    message: ({ reason }) => `an engine thread stopped: ${reason}`,
    remedy: () =>
      'look for memory pressure on the machine; the run goes on from its last checkpoint when started again',
  }),
  PromptInvalid: entry<{ index: number; reason: string }>({
    code: 'ESP-5101',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ index, reason }) => `prompt ${index + 1} cannot be continued: ${reason}`,
    remedy: () => "give at least one token, and make the tokens with the base's own tokenizer",
  }),
};
