import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { EspalierError } from '../../../api/errors.js';
import { type Clock, systemClock } from '../../../common/clock.js';
import { type Logger, silentLogger } from '../../../common/log.js';
import type { Credentials } from '../connection.js';
import { bucketsIn } from './buckets.js';
import type { Call } from './call.js';
import { S3Failure } from './failure.js';
import { operationOf } from './operations.js';
import { decode, verifySignature } from './signature.js';
import { uploadsIn } from './uploads.js';
import { xmlDocument } from './xml.js';

export interface EmbeddedS3Options {
  /** Buckets are folders in it, objects plain files in those. */
  readonly folder: string;
  readonly credentials: Credentials;
  /** Made when missing. */
  readonly buckets?: readonly string[];
  /** 0: any free one. */
  readonly port?: number;
  readonly clock?: Clock;
  readonly log?: Logger;
}

export interface EmbeddedS3 extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** Any is accepted; this one is for clients that need one. */
  readonly region: string;
  close(): Promise<void>;
}

/**
 * A small S3 endpoint for the local mode, on the loopback address only: what Espalier's store uses of S3, with signatures,
 * checksums and conditional writes checked as a real server checks them. Not a server for anybody else.
 */
export async function startEmbeddedS3(options: EmbeddedS3Options): Promise<EmbeddedS3> {
  const { credentials, port = 0, clock = systemClock, log = silentLogger } = options;
  const folder = resolve(options.folder);
  const buckets = bucketsIn(folder, clock);
  const uploads = uploadsIn(folder);
  for (const bucket of options.buckets ?? []) await buckets.create(bucket);

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
    const method = request.method ?? 'GET';
    const signing = verifySignature({ method, path, query, headers: request.headers }, credentials, clock.now());
    const [, bucket = '', ...rest] = path.split('/').map(decode);
    const call: Call = {
      request,
      response,
      signing,
      bucket,
      key: rest.join('/'),
      query: new URLSearchParams(query),
      buckets,
      uploads,
    };
    await operationOf(method, call)(call);
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    handle(request, response).catch(async (error: unknown) => {
      const failure = asFailure(error);
      if (failure.status >= 500)
        log.error('embedded S3 endpoint', { method: request.method, code: failure.code, error: String(error) });
      await drain(request);
      answerFailure(request, response, failure);
    });
  });
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', done);
  });
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    close,
    [Symbol.asyncDispose]: close,
  };
}

function asFailure(error: unknown): S3Failure {
  if (error instanceof S3Failure) return error;
  if (EspalierError.is(error, 'KeyInvalid')) return new S3Failure(400, 'InvalidArgument', error.message);
  if (EspalierError.is(error, 'ObjectMissing')) return new S3Failure(404, 'NoSuchKey', 'there is no such object');
  const full = EspalierError.is(error, 'DiskFull') || (error as NodeJS.ErrnoException).code === 'ENOSPC';
  if (full) return new S3Failure(507, 'InsufficientStorage', 'no space left on the disk of the server');
  return new S3Failure(500, 'InternalError', 'the server failed; its log has the reason');
}

function answerFailure(request: IncomingMessage, response: ServerResponse, { status, code, message }: S3Failure): void {
  if (response.headersSent || response.destroyed) {
    // Half an answer is under way: cutting the connection is the only way left to say that it is not whole.
    response.destroy();
    return;
  }
  const body = xmlDocument('Error', { Code: code, Message: message, Resource: request.url ?? '' });
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Reads the rest of a refused body, so that the client comes to read the answer; a very long one is cut instead. */
async function drain(request: IncomingMessage): Promise<void> {
  let left = 64 << 20;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      left -= (chunk as Uint8Array).byteLength;
      if (left < 0) return;
    }
  } catch {
    // The client is gone; there is nobody left to answer.
  }
}
