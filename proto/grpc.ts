import { connect } from './call.js';
import { loadProtos, type Protos } from './load.js';
import { reach } from './reach.js';
import { serve } from './serve.js';
import type { Transport } from './transport.js';

/** Processes on one or several machines, over TCP or unix-domain sockets. */
export function grpcTransport(protos: Protos = loadProtos()): Transport {
  return {
    listen: (services, options) => serve(protos, services, options),
    connect: (address, options) => connect(protos, address, options),
    reach,
  };
}
