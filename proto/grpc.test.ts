import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transportContract } from '../test/contracts/transport.js';
import { anAuthority, fixedFor } from '../test/support/certificates.js';
import { grpcTransport } from './grpc.js';
import type { Transport } from './transport.js';

transportContract('gRPC over TCP', grpcTransport(), () => '127.0.0.1:0');

const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
let sockets = 0;
transportContract('gRPC over unix sockets', grpcTransport(), () => `unix:${folder}/${++sockets}.sock`);

const authority = await anAuthority();
const [server, client] = [
  await fixedFor(authority, 'spiffe://t/server'),
  await fixedFor(authority, 'spiffe://t/client'),
];
const grpc = grpcTransport();
const overTls: Transport = {
  listen: (services, options) =>
    grpc.listen(services, { ...options, tls: { certificates: server, trusts: (uri) => uri === 'spiffe://t/client' } }),
  connect: (address, options) =>
    grpc.connect(address, { ...options, tls: { certificates: client, trusts: (uri) => uri === 'spiffe://t/server' } }),
};
transportContract('gRPC over TLS', overTls, () => '127.0.0.1:0');
