import { timingSafeEqual } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import type { Writable } from 'node:stream';
import {
  Metadata,
  Server,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { fail } from '../api/errors.js';
import { toWire } from './errors.js';
import type { Protos } from './load.js';
import { methodKinds, type ServiceName } from './services.js';
import { serverCredentials, uriNames } from './tls.js';
import type { Context, Listening, ListenOptions, ServedService } from './transport.js';

type Call =
  | ServerUnaryCall<object, object>
  | ServerReadableStream<object, object>
  | ServerWritableStream<object, object>
  | ServerDuplexStream<object, object>;
type AnyHandler = (request: unknown, context: Context) => unknown;
type Adapter = (handler: AnyHandler, protos: Protos, options: ListenOptions) => unknown;

/** One chunk and its header; anything longer is refused by gRPC itself. */
export const maxMessageBytes = 2 * 2 ** 20;

/** gRPC's side of `Transport.listen`: the only code that meets grpc-js server callbacks. */
export async function serve(
  protos: Protos,
  services: readonly ServedService[],
  options: ListenOptions,
): Promise<Listening> {
  return bind(createServer(protos, services, options), options);
}

/** A server that is not bound yet: health and reflection, which are not ours, are added to it where people call. */
export function createServer(protos: Protos, services: readonly ServedService[], options: ListenOptions): Server {
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
  });
  for (const { name, handlers } of services) {
    const kinds = methodKinds[name] as Readonly<Record<string, keyof typeof adapters>>;
    const implementation: Record<string, unknown> = {};
    const definition: Record<string, object> = {};
    for (const [method, handler] of Object.entries(handlers as Record<string, AnyHandler>)) {
      definition[method] = protos.method(name, method);
      implementation[method] = (adapters[kinds[method]!] as Adapter)(guarded(name, handler, options), protos, options);
    }
    server.addService(definition as never, implementation as UntypedServiceImplementation);
  }
  return server;
}

export async function bind(server: Server, options: Pick<ListenOptions, 'address' | 'tls'>): Promise<Listening> {
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, serverCredentials(options.tls), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const address = options.address.startsWith('unix:') ? options.address : options.address.replace(/:\d+$/, `:${port}`);
  return {
    address,
    close: () =>
      new Promise<void>((resolve) => {
        // Answers that are written but not yet sent go out first: a worker's last words are among them.
        const late = setTimeout(() => {
          server.forceShutdown();
          resolve();
        }, lastWordsMs);
        server.tryShutdown(() => {
          clearTimeout(late);
          resolve();
        });
      }),
  };
}

/** How long calls under way may still end by themselves when a server closes. */
const lastWordsMs = 300;

/** Four short adapters, one per shape of call. */
const adapters = {
  unary:
    (handler: AnyHandler, protos: Protos, { log }: ListenOptions) =>
    (call: ServerUnaryCall<object, object>, answer: sendUnaryData<object>) => {
      (handler(call.request, contextOf(call)) as Promise<object>).then(
        (reply) => answer(null, reply),
        (error: unknown) => answer(grpcError(protos, error, log)),
      );
    },
  clientStream:
    (handler: AnyHandler, protos: Protos, { log }: ListenOptions) =>
    (call: ServerReadableStream<object, object>, answer: sendUnaryData<object>) => {
      (handler(call, contextOf(call)) as Promise<object>).then(
        (reply) => answer(null, reply),
        (error: unknown) => answer(grpcError(protos, error, log)),
      );
    },
  serverStream:
    (handler: AnyHandler, protos: Protos, { log }: ListenOptions) =>
    (call: ServerWritableStream<object, object>) => {
      const context = contextOf(call);
      pump(() => handler(call.request, context) as AsyncIterable<object>, call, context.signal).catch(
        (error: unknown) => call.emit('error', grpcError(protos, error, log)),
      );
    },
  bidi:
    (handler: AnyHandler, protos: Protos, { log }: ListenOptions) =>
    (call: ServerDuplexStream<object, object>) => {
      const context = contextOf(call);
      pump(() => handler(call, context) as AsyncIterable<object>, call, context.signal).catch((error: unknown) =>
        call.emit('error', grpcError(protos, error, log)),
      );
    },
};

/** Writes replies as fast as the reader takes them, and no faster. */
async function pump(replies: () => AsyncIterable<object>, call: Writable, signal: AbortSignal): Promise<void> {
  try {
    for await (const reply of replies()) if (!call.write(reply)) await once(call, 'drain', { signal });
  } catch (error) {
    // The caller is gone: nobody is left to hear of it.
    if (signal.aborted) return;
    throw error;
  }
  call.end();
}

function contextOf(call: Call): Context {
  const abort = new AbortController();
  (call as EventEmitter).on('cancelled', () => abort.abort(new DOMException('the caller is gone', 'AbortError')));
  if (call.cancelled) abort.abort(new DOMException('the caller is gone', 'AbortError'));
  const entries = Object.entries(call.metadata.getMap()).map(([key, value]) => [key, String(value)] as const);
  const names = call.getAuthContext().sslPeerCertificate?.subjectaltname;
  return { signal: abort.signal, metadata: new Map(entries), peers: uriNames(names) };
}

/** Lets only calls with the job's token, from peers that may call this service, through. */
export function guarded(name: ServiceName, handler: AnyHandler, { token, address, tls }: ListenOptions): AnyHandler {
  const expected = token === null ? undefined : Buffer.from(`Bearer ${token}`);
  return (request, context) => {
    const { metadata, peers } = context;
    const given = Buffer.from(metadata.get('authorization') ?? '');
    const known = !expected || (given.length === expected.length && timingSafeEqual(given, expected));
    const trusted = !tls?.trusts || peers.some((uri) => tls.trusts?.(uri, name));
    if (known && trusted) return handler(request, context);
    const refuse = async () =>
      trusted
        ? fail('TokenRejected', { address })
        : fail('CertificateRejected', { address, identity: peers.join(' '), service: name });
    const refused = refuse();
    refused.catch(() => {});
    // The same refusal for both shapes of reply: a promise, and a stream that fails at once.
    return Object.assign(refused, {
      async *[Symbol.asyncIterator]() {
        yield await refused;
      },
    });
  };
}

function grpcError(protos: Protos, error: unknown, log: ListenOptions['log']) {
  const { code, details, bin } = toWire(protos, error, log);
  const metadata = new Metadata();
  if (bin) metadata.set('grpc-status-details-bin', bin);
  return { name: 'Error', message: details, code, details, metadata };
}
