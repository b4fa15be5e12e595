import { entry } from './entry.js';

/** ESP-6nnn: membership and gradient exchange. */
export const exchangeErrors = {
  NumericsDiverged: entry<{ step: number; node: number; peer: string }>({
    code: 'ESP-6001',
    retry: false,
    grpc: 'DATA_LOSS',
    exit: 70,
    message: ({ step, node, peer }) => `node ${node} of step ${step} has other bytes on ${peer} than here`,
    remedy: () => 'one of the two machines computes wrongly or runs other kernels; compare their fingerprints',
  }),
};
