import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transportContract } from '../test/contracts/transport.js';
import { grpcTransport } from './grpc.js';

transportContract('gRPC over TCP', grpcTransport(), () => '127.0.0.1:0');

const folder = mkdtempSync(join(tmpdir(), 'espalier-'));
let sockets = 0;
transportContract('gRPC over unix sockets', grpcTransport(), () => `unix:${folder}/${++sockets}.sock`);
