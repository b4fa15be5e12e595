import { entry } from './entry.js';

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
};
