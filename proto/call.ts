import { once } from 'node:events';
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  Client as GrpcClient,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { fromWire } from './errors.js';
import type { Protos } from './load.js';
import { maxMessageBytes } from './serve.js';
import { methodKinds, type ServiceName } from './services.js';
import { channelCredentials } from './tls.js';
import type { CallOptions, Client, Connection, ConnectOptions } from './transport.js';

type Serialize = (message: object) => Buffer;
type Deserialize = (bytes: Buffer) => object;

/** gRPC's side of `Transport.connect`: the only code that meets grpc-js client callbacks. */
export function connect(protos: Protos, address: string, options: ConnectOptions): Connection {
  const client = new GrpcClient(address, channelCredentials(options.tls), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    // We reconnect ourselves and want to know at once; no hidden back-off, no proxy between workers.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    // Pods are reached by address, and an address is no server name in TLS.
    ...(options.tls?.trusts && { 'grpc.ssl_target_name_override': 'espalier.internal' }),
  });
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${options.token}`);
  return {
    client: (name) => clientOf(name, protos, client, metadata, address),
    close: () => client.close(),
  };
}

function clientOf<S extends ServiceName>(
  name: S,
  protos: Protos,
  client: GrpcClient,
  metadata: Metadata,
  address: string,
): Client<S> {
  const methods = Object.entries(methodKinds[name] as Record<string, keyof typeof shapes>).map(([method, kind]) => {
    const definition = protos.method(name, method);
    const wire = [
      definition.path,
      definition.requestSerialize as Serialize,
      definition.responseDeserialize as Deserialize,
    ];
    const failure = (error: unknown, signal: AbortSignal | undefined): never => {
      signal?.throwIfAborted();
      if (!isServiceError(error)) throw error;
      const bin = error.metadata?.get('grpc-status-details-bin')[0];
      const status = { code: error.code, details: error.details, ...(bin instanceof Buffer && { bin }) };
      throw fromWire(protos, status, { method: `${name}.${method}`, address });
    };
    return [method, shapes[kind](client, wire as [string, Serialize, Deserialize], metadata, failure)];
  });
  return Object.fromEntries(methods) as Client<S>;
}

type Wire = [path: string, serialize: Serialize, deserialize: Deserialize];
type Failure = (error: unknown, signal: AbortSignal | undefined) => never;

const shapes = {
  unary: (client: GrpcClient, wire: Wire, metadata: Metadata, failure: Failure) => {
    return async (request: object, options: CallOptions = {}) => {
      options.signal?.throwIfAborted();
      const settled = deferred<object>();
      const call = client.makeUnaryRequest(...wire, request, metadata, deadlineOf(options), settle(settled));
      return await cancelling(call, options, settled.promise).catch((error: unknown) => failure(error, options.signal));
    };
  },
  clientStream: (client: GrpcClient, wire: Wire, metadata: Metadata, failure: Failure) => {
    return async (requests: AsyncIterable<object>, options: CallOptions = {}) => {
      options.signal?.throwIfAborted();
      const settled = deferred<object>();
      const call = client.makeClientStreamRequest(...wire, metadata, deadlineOf(options), settle(settled));
      // The answer may come before the last request: then the rest is not wanted.
      const writing = write(call, requests, settled.promise);
      writing.catch((error: unknown) => {
        settled.reject(error);
        call.cancel();
      });
      return await cancelling(call, options, settled.promise).catch((error: unknown) => failure(error, options.signal));
    };
  },
  serverStream: (client: GrpcClient, wire: Wire, metadata: Metadata, failure: Failure) =>
    async function* (request: object, options: CallOptions = {}) {
      options.signal?.throwIfAborted();
      yield* read(client.makeServerStreamRequest(...wire, request, metadata, deadlineOf(options)), options, failure);
    },
  bidi: (client: GrpcClient, wire: Wire, metadata: Metadata, failure: Failure) =>
    async function* (requests: AsyncIterable<object>, options: CallOptions = {}) {
      options.signal?.throwIfAborted();
      const call = client.makeBidiStreamRequest(...wire, metadata, deadlineOf(options));
      const ended = once(call, 'status');
      write(call, requests, ended).catch((error: unknown) => call.destroy(error as Error));
      yield* read(call, options, failure);
    },
};

async function* read(
  call: ClientReadableStream<object> | ClientDuplexStream<object, object>,
  options: CallOptions,
  failure: Failure,
): AsyncIterable<object> {
  const cancel = () => call.cancel();
  options.signal?.addEventListener('abort', cancel, { once: true });
  let ended = false;
  try {
    for await (const reply of call) yield reply;
    ended = true;
  } catch (error) {
    ended = true;
    failure(error, options.signal);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    if (!ended) call.cancel();
  }
}

/** Sends requests as fast as the other side takes them, until `answered`. */
async function write(
  call: ClientWritableStream<object> | ClientDuplexStream<object, object>,
  requests: AsyncIterable<object>,
  answered: Promise<unknown>,
): Promise<void> {
  const done = answered.then(
    () => 'done' as const,
    () => 'done' as const,
  );
  const iterator = requests[Symbol.asyncIterator]();
  for (;;) {
    const next = await Promise.race([iterator.next(), done]);
    if (next !== 'done' && next.done) break;
    const more = next !== 'done' && (call.write(next.value) || (await Promise.race([drained(call), done])) !== 'done');
    if (more) continue;
    await iterator.return?.();
    return;
  }
  call.end();
}

const drained = (call: ClientWritableStream<object> | ClientDuplexStream<object, object>): Promise<'drained'> =>
  new Promise((resolve) => call.once('drain', () => resolve('drained')));

async function cancelling<T>(call: { cancel(): void }, { signal }: CallOptions, reply: Promise<T>): Promise<T> {
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    return await reply;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

function deferred<T>(): Deferred<T> {
  const parts: Partial<Deferred<T>> = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return Object.assign(parts, { promise }) as Deferred<T>;
}

const settle =
  ({ resolve, reject }: Deferred<object>) =>
  (error: ServiceError | null, reply?: object): void =>
    error ? reject(error) : resolve(reply!);

const deadlineOf = ({ timeoutMs }: CallOptions): { deadline?: number } =>
  timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && typeof (error as Partial<ServiceError>).code === 'number';
