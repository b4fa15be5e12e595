import * as http from 'node:http';
import * as https from 'node:https';
import { EspalierError } from '../../../api/errors.js';
import type { Clock } from '../../../common/clock.js';
import type { ApiAccess } from './apiAccess.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfterSeconds: number | undefined;
  readonly body: http.IncomingMessage;
}

/** Requests to one API server, with the credentials of a kubeconfig; tokens and certificates are read anew while it runs. */
export interface Http {
  /** Resolves with the head of the answer; the body is a stream. Throws `ApiUnreachable`. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Forgets the credentials that were just refused. */
  renew(): void;
  close(): void;
}

/** Projected tokens are written anew well before they expire; plugins hand out credentials for minutes. */
const credentialsForMs = 20_000;

export function createHttp(config: ApiAccess, clock: Clock): Http {
  const server = new URL(config.getCurrentCluster()?.server ?? 'https://no-cluster-in-kubeconfig');
  const isPlain = server.protocol === 'http:';
  let agent: http.Agent | undefined;
  let agentFor = '';
  let known: { readonly options: https.RequestOptions; readonly atMs: number } | undefined;

  const credentials = async (): Promise<https.RequestOptions> => {
    if (known && clock.monotonic() - known.atMs < credentialsForMs) return known.options;
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options as Parameters<ApiAccess['applyToHTTPSOptions']>[0]);
    known = { options, atMs: clock.monotonic() };
    return options;
  };
  /** One pool of connections, made again when the client's certificate was. */
  const agentOf = (options: https.RequestOptions): http.Agent => {
    if (config.getCurrentCluster()?.proxyUrl) return options.agent as http.Agent;
    const identity = String(options.cert ?? '') + String(options.key ?? '');
    if (agent && agentFor === identity) return agent;
    agentFor = identity;
    const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
    const pool = { keepAlive: true, keepAliveMsecs: 15_000, maxSockets: 64, scheduling: 'lifo' as const };
    const tls = { ca, cert, key, pfx, passphrase, servername };
    agent = isPlain
      ? new http.Agent(pool)
      : new https.Agent({ ...pool, ...tls, ...(rejectUnauthorized !== undefined && { rejectUnauthorized }) });
    return agent;
  };
  return {
    async send({ method, path, query = {}, body, contentType = 'application/json', signal }) {
      const call = `${method} ${path}`;
      signal.throwIfAborted();
      const options = await credentials().catch((error: unknown) => {
        throw new EspalierError('ApiUnreachable', { call, what: textOf(error) }, { cause: error });
      });
      const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
      for (const [name, value] of Object.entries(query))
        if (value !== undefined) url.searchParams.set(name, String(value));
      return new Promise<HttpAnswer>((resolve, reject) => {
        const request = (isPlain ? http : https).request(url, {
          method,
          agent: agentOf(options),
          signal,
          ...(options.auth && { auth: options.auth }),
          headers: {
            accept: 'application/json',
            'user-agent': 'espalier-controller',
            ...(options.headers as http.OutgoingHttpHeaders),
            ...(text && { 'content-type': contentType, 'content-length': text.length }),
          },
        });
        request.on('error', (error) =>
          reject(
            signal.aborted
              ? signal.reason
              : new EspalierError('ApiUnreachable', { call, what: textOf(error) }, { cause: error }),
          ),
        );
        request.on('response', (answer) => {
          const wait = Number(answer.headers['retry-after']);
          resolve({
            status: answer.statusCode ?? 0,
            retryAfterSeconds: Number.isFinite(wait) ? wait : undefined,
            body: answer,
          });
        });
        request.end(text);
      });
    },
    renew() {
      known = undefined;
    },
    close: () => agent?.destroy(),
  };
}

export const textOf = (error: unknown): string =>
  error instanceof Error
    ? ([error.message, (error as NodeJS.ErrnoException).code].find(Boolean) ?? error.name)
    : String(error);
