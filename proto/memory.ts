import { EspalierError } from '../api/errors.js';
import { codes, fromWire, toWire } from './errors.js';
import { loadProtos, type Protos } from './load.js';
import { guarded } from './serve.js';
import { methodKinds, type ServiceName } from './services.js';
import type {
  CallOptions,
  Client,
  Connection,
  ConnectOptions,
  Context,
  ListenOptions,
  ServedService,
  Transport,
} from './transport.js';

interface Server {
  readonly services: readonly ServedService[];
  readonly options: ListenOptions;
  readonly closed: AbortController;
}

type Convert = (message: object) => object;

/**
 * Both ends in one process, joined through the real encoding: whatever cannot be sent over a wire cannot be sent here. Each
 * transport made is a network of its own.
 */
export function memoryTransport(protos: Protos = loadProtos()): Transport {
  const servers = new Map<string, Server>();
  let ports = 0;
  return {
    async listen(services, options) {
      const address = options.address.endsWith(':0') ? options.address.replace(/:0$/, `:${++ports}`) : options.address;
      if (servers.has(address)) throw new Error(`${address} is in use`);
      const closed = new AbortController();
      servers.set(address, { services, options: { ...options, address }, closed });
      return {
        address,
        close: async () => {
          servers.delete(address);
          closed.abort(new DOMException('the server closes', 'AbortError'));
        },
      };
    },
    connect(address, options): Connection {
      const closed = new AbortController();
      return {
        client: (name) => clientOf(name, protos, () => servers.get(address), address, options, closed.signal),
        close: () => closed.abort(new EspalierError('PeerUnreachable', { address, what: 'the connection is closed' })),
      };
    },
  };
}

function clientOf<S extends ServiceName>(
  name: S,
  protos: Protos,
  find: () => Server | undefined,
  address: string,
  { token }: ConnectOptions,
  closed: AbortSignal,
): Client<S> {
  const methods = Object.entries(methodKinds[name] as Record<string, keyof typeof shapes>).map(([method, kind]) => {
    const definition = protos.method(name, method);
    const call = { method: `${name}.${method}`, address };
    const request: Convert = (message) => definition.requestDeserialize(definition.requestSerialize(message));
    const reply: Convert = (message) => definition.responseDeserialize(definition.responseSerialize(message));
    /** Runs the handler with a context of its own; what it throws comes out as it would over a wire. */
    const run = async function* (
      start: (handler: Start, context: Context) => AsyncIterable<object>,
      options: CallOptions,
    ) {
      options.signal?.throwIfAborted();
      const server = find();
      if (server === undefined || closed.aborted) throw unreachable(address);
      const handlers = server.services.find((service) => service.name === name)?.handlers as
        | Record<string, Start>
        | undefined;
      const handler = handlers?.[method];
      if (handler === undefined) throw fromWire(protos, { code: codes.UNIMPLEMENTED, details: 'no such method' }, call);
      const gone = new AbortController();
      const deadline = deadlineOf(options, call);
      const signal = AbortSignal.any([
        gone.signal,
        server.closed.signal,
        closed,
        deadline.signal,
        ...(options.signal ? [options.signal] : []),
      ]);
      try {
        const context = { signal, metadata: new Map([['authorization', `Bearer ${token}`]]), peers: [] };
        const replies = start(guarded(name, handler, server.options) as Start, context);
        for await (const message of untilAborted(replies, signal)) yield reply(message);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (deadline.signal.aborted) throw deadline.signal.reason;
        if (server.closed.signal.aborted || closed.aborted) throw unreachable(address);
        throw fromWire(protos, toWire(protos, error, server.options.log), call);
      } finally {
        deadline.clear();
        gone.abort(new DOMException('the caller is gone', 'AbortError'));
      }
    };
    return [method, shapes[kind](run, request)];
  });
  return Object.fromEntries(methods) as Client<S>;
}

type Start = (request: unknown, context: Context) => unknown;
type Run = (
  start: (handler: Start, context: Context) => AsyncIterable<object>,
  options: CallOptions,
) => AsyncGenerator<object>;

const shapes = {
  unary:
    (run: Run, request: Convert) =>
    (message: object, options: CallOptions = {}) =>
      only(run((handler, context) => single(handler(request(message), context)), options)),
  clientStream:
    (run: Run, request: Convert) =>
    (messages: AsyncIterable<object>, options: CallOptions = {}) =>
      only(run((handler, context) => single(handler(each(messages, request, context.signal), context)), options)),
  serverStream:
    (run: Run, request: Convert) =>
    (message: object, options: CallOptions = {}) =>
      run((handler, context) => handler(request(message), context) as AsyncIterable<object>, options),
  bidi:
    (run: Run, request: Convert) =>
    (messages: AsyncIterable<object>, options: CallOptions = {}) =>
      run(
        (handler, context) => handler(each(messages, request, context.signal), context) as AsyncIterable<object>,
        options,
      ),
};

async function* single(reply: unknown): AsyncIterable<object> {
  yield (await reply) as object;
}

async function* each(messages: AsyncIterable<object>, convert: Convert, signal: AbortSignal): AsyncIterable<object> {
  for await (const message of untilAborted(messages, signal)) yield convert(message);
}

async function only(replies: AsyncGenerator<object>): Promise<object> {
  const { value } = await replies.next();
  await replies.return(undefined);
  return value as object;
}

/** The items of a stream; ends with the signal's reason even while the next item is awaited. */
async function* untilAborted(items: AsyncIterable<object>, signal: AbortSignal): AsyncIterable<object> {
  const iterator = items[Symbol.asyncIterator]();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  aborted.catch(() => {});
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    // Not awaited: a generator that waits for something else would hold us up.
    iterator.return?.()?.catch(() => {});
  }
}

function deadlineOf({ timeoutMs }: CallOptions, call: { method: string; address: string }) {
  const controller = new AbortController();
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => controller.abort(new EspalierError('CallTimedOut', call)), timeoutMs);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

const unreachable = (address: string) =>
  new EspalierError('PeerUnreachable', { address, what: 'nobody listens there' });
