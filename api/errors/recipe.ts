import { entry, list } from './entry.js';

/** ESP-4nnn: adapter methods and compiling the recipe. */
export const recipeErrors = {
  TargetsUnmatched: entry<{ patterns: readonly string[]; nearest: readonly string[] }>({
    code: 'ESP-4001',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ patterns }) => `no module of the base matches ${patterns.join(', ')}`,
    remedy: ({ nearest }) => `try one of ${nearest.join(', ')}`,
  }),
  TargetsEmpty: entry<{ matched: readonly string[] }>({
    code: 'ESP-4002',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ matched }) => `excludeModules and layersToTransform leave none of the modules ${list(matched)}`,
    remedy: () => 'exclude fewer modules or name more layers',
  }),
  TargetUnsupported: entry<{ module: string }>({
    code: 'ESP-4003',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ module }) => `the output layer ${module} cannot be adapted`,
    remedy: ({ module }) => `leave ${module} out of targetModules, or put it into excludeModules`,
  }),
  TargetRegexInvalid: entry<{ pattern: string; reason: string }>({
    code: 'ESP-4004',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ pattern, reason }) => `targetModules.regex ${pattern} is not a regular expression: ${reason}`,
    remedy: () => 'use the syntax that Python and JavaScript share; the whole module name must match',
  }),
  LayersUnknown: entry<{ layers: readonly number[]; last: number }>({
    code: 'ESP-4005',
    retry: false,
    grpc: 'INVALID_ARGUMENT',
    exit: 2,
    message: ({ layers, last }) =>
      `layersToTransform names ${list(layers.map(String))}, the base has layers 0 to ${last}`,
    remedy: ({ last }) => `name layers of 0 to ${last}`,
  }),
};
