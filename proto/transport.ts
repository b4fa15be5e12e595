import type { Logger } from '../common/log.js';
import type { Bidi, ClientStream, ServerStream, Unary } from './callKinds.js';
import type { ServiceName, Services } from './services.js';

/** What a handler knows beside the request. */
export interface Context {
  /** Aborted when the caller cancels, disappears or its deadline passes. */
  readonly signal: AbortSignal;
  readonly metadata: ReadonlyMap<string, string>;
  /** URI names of the caller's certificate; none without one. */
  readonly peers: readonly string[];
}

export type Handler<M> =
  M extends Unary<infer _QIn, infer Q, infer RIn, infer _R>
    ? (request: Q, context: Context) => Promise<RIn>
    : M extends ServerStream<infer _QIn, infer Q, infer RIn, infer _R>
      ? (request: Q, context: Context) => AsyncIterable<RIn>
      : M extends ClientStream<infer _QIn, infer Q, infer RIn, infer _R>
        ? (requests: AsyncIterable<Q>, context: Context) => Promise<RIn>
        : M extends Bidi<infer _QIn, infer Q, infer RIn, infer _R>
          ? (requests: AsyncIterable<Q>, context: Context) => AsyncIterable<RIn>
          : never;

export type Handlers<S extends ServiceName> = { readonly [M in keyof Services[S]]: Handler<Services[S][M]> };

export type Method<M> =
  M extends Unary<infer QIn, infer _Q, infer _RIn, infer R>
    ? (request: QIn, options?: CallOptions) => Promise<R>
    : M extends ServerStream<infer QIn, infer _Q, infer _RIn, infer R>
      ? (request: QIn, options?: CallOptions) => AsyncIterable<R>
      : M extends ClientStream<infer QIn, infer _Q, infer _RIn, infer R>
        ? (requests: AsyncIterable<QIn>, options?: CallOptions) => Promise<R>
        : M extends Bidi<infer QIn, infer _Q, infer _RIn, infer R>
          ? (requests: AsyncIterable<QIn>, options?: CallOptions) => AsyncIterable<R>
          : never;

export type Client<S extends ServiceName> = { readonly [M in keyof Services[S]]: Method<Services[S][M]> };

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** From now to the end of the whole call; none for a call that lives as long as the connection. */
  readonly timeoutMs?: number;
}

/** A service with its handlers; see `service`. */
export interface ServedService {
  readonly name: ServiceName;
  readonly handlers: object;
}

export const service = <S extends ServiceName>(name: S, handlers: Handlers<S>): ServedService => ({ name, handlers });

/** What one side of TLS holds at a moment, in PEM. */
export interface Certificates {
  /** What it shows of itself, the leaf first. Absent: a client that shows nothing. */
  readonly own?: { readonly certificate: Buffer; readonly key: Buffer };
  /** Whom it trusts. Absent: a client that trusts the system's roots. */
  readonly authority?: Buffer;
}

/** Certificates that may be replaced while servers and connections live: connections go on, handshakes take the newest. */
export interface CertificateSource {
  readonly current: () => Certificates;
  /** Calls after each replacement, until the returned function is called. Absent: there never is one. */
  readonly onRenewed?: (listener: () => void) => () => void;
}

export interface ServerTls {
  readonly certificates: CertificateSource;
  /** Clients must show a certificate, and one of its URI names must be trusted with the service. Absent: they need none. */
  readonly trusts?: (uri: string, service: ServiceName) => boolean;
}

export interface ClientTls {
  readonly certificates: CertificateSource;
  /** Goes by the URI names of the server's certificate instead of its host name: pods have none that lasts. */
  readonly trusts?: (uri: string) => boolean;
}

export interface ListenOptions {
  /** `host:port` (port 0 = any free one) or `unix:/path`. */
  readonly address: string;
  /** Calls without it are refused; null = the handlers look at the caller themselves. */
  readonly token: string | null;
  readonly log: Logger;
  readonly tls?: ServerTls;
}

export interface ConnectOptions {
  readonly token: string;
  readonly tls?: ClientTls;
}

/** How processes reach each other: gRPC, or memory in tests and for one process. */
export interface Transport {
  listen(services: readonly ServedService[], options: ListenOptions): Promise<Listening>;
  /** No traffic yet: the first call connects. */
  connect(address: string, options: ConnectOptions): Connection;
  /** Whether somebody listens there, at little cost; throws `PeerUnreachable`. Absent: connecting costs little itself. */
  reach?(address: string, options?: CallOptions): Promise<void>;
}

export interface Listening {
  /** With the real port. */
  readonly address: string;
  /** Ends every call under way. */
  close(): Promise<void>;
}

export interface Connection {
  client<S extends ServiceName>(name: S): Client<S>;
  close(): void;
}
