import { entry } from './entry.js';

/** ESP-8nnn: exports and publication. */
export const artifactErrors = {
  AdapterUnchanged: entry<{ name: string }>({
    code: 'ESP-8001',
    retry: false,
    grpc: 'FAILED_PRECONDITION',
    exit: 2,
    message: ({ name }) => `the trained adapter equals its initial value (${name})`,
    remedy: () => 'raise training.learningRate or training.epochs, or check that data.supervise leaves tokens to learn',
  }),
};
