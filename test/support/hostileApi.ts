import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import type { KubernetesObject } from '../../controller/cluster/kube/objects.js';

type Verb = 'list' | 'watch' | 'get' | 'create' | 'replace';

/** What goes wrong with one request. */
export type Fault =
  /** The connection is reset before an answer. */
  | 'reset'
  /** The connection stays open and nothing ever comes: a peer behind a dead router. */
  | 'stall'
  | 'serverError'
  | 'gone'
  /** Half of the answer, then the end. */
  | 'truncated'
  /** Half of the answer, then a reset. */
  | 'cut'
  /** A watch sends every event twice. */
  | 'twice'
  /** A watch sends an ERROR event with code 410. */
  | 'errorEvent'
  /** A watch ends at once, as servers do that are shutting down. */
  | 'ended'
  /** The call is done, and its answer is lost. */
  | 'doneUnanswered';

interface Change {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
}

/** An API server with ConfigMaps and Leases (any collection, in truth) that misbehaves on demand. */
export class HostileApi {
  readonly requests: { readonly verb: Verb; readonly query: URLSearchParams }[] = [];
  readonly #faults: { readonly verb: Verb; readonly fault: Fault }[] = [];
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #changes: Change[] = [];
  readonly #watchers = new Set<(change: Change) => void>();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #version = 100;
  #heard: (() => void)[] = [];

  static async start(): Promise<HostileApi> {
    const api = new HostileApi();
    api.#server.on('connection', (socket) => {
      api.#sockets.add(socket);
      socket.on('close', () => api.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get kubeConfig(): KubeConfig {
    const config = new KubeConfig();
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    config.loadFromClusterAndUser({ name: 'hostile', server, skipTLSVerify: true }, { name: 'nobody' });
    return config;
  }

  /** The next request of this kind that comes meets the fault. */
  next(verb: Verb, ...faults: Fault[]): void {
    for (const fault of faults) this.#faults.push({ verb, fault });
  }

  put(name: string, data: Record<string, string> = {}): void {
    this.#change(name, { metadata: { name }, data } as KubernetesObject);
  }

  remove(name: string): void {
    const object = this.#objects.get(name);
    if (!object) return;
    this.#objects.delete(name);
    this.#publish('DELETED', object);
  }

  object(name: string): KubernetesObject | undefined {
    return this.#objects.get(name);
  }

  /** Until this many requests of the kind have come. */
  async heard(verb: Verb, times: number): Promise<void> {
    while (this.requests.filter((request) => request.verb === verb).length < times)
      await new Promise<void>((resolve) => this.#heard.push(resolve));
  }

  /** Every connection is reset, as when the server dies. */
  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resetAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #change(name: string, object: KubernetesObject): KubernetesObject {
    const type = this.#objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.#objects.set(name, object);
    this.#publish(type, object);
    return object;
  }

  #publish(type: Change['type'], object: KubernetesObject): void {
    this.#version += 1;
    object.metadata = { ...object.metadata, namespace: 'ns', resourceVersion: String(this.#version) };
    const change = { version: this.#version, type, object: structuredClone(object) };
    this.#changes.push(change);
    for (const watcher of this.#watchers) watcher(change);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://here');
    const name = /\/(?:configmaps|leases)\/([^/]+)$/.exec(url.pathname)?.[1];
    const verb = verbOf(request.method ?? '', url, name);
    const at = this.#faults.findIndex((planned) => planned.verb === verb);
    const fault = at < 0 ? undefined : this.#faults.splice(at, 1)[0]!.fault;
    this.requests.push({ verb, query: url.searchParams });
    for (const wake of this.#heard.splice(0)) wake();
    if (fault === 'reset') return void request.socket.resetAndDestroy();
    if (fault === 'stall' && verb !== 'watch') return;
    if (fault === 'serverError') send(response, 500, { reason: 'InternalError', message: 'etcd has no leader' });
    else if (fault === 'gone') send(response, 410, { reason: 'Expired', message: 'too old resource version' });
    else if (verb === 'watch') this.#watch(url.searchParams, response, fault);
    else this.#call(verb, name, request, response, url.searchParams, fault);
  }

  #call(
    verb: Verb,
    name: string | undefined,
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
    fault: Fault | undefined,
  ): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length > 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as KubernetesObject) : undefined;
      const { status, answer } = this.#perform(verb, name, body, query);
      if (fault === 'doneUnanswered') return void request.socket.resetAndDestroy();
      send(response, status, answer, fault);
    });
  }

  #perform(verb: Verb, name: string | undefined, body: KubernetesObject | undefined, query: URLSearchParams) {
    if (verb === 'list') return { status: 200, answer: this.#list(query) };
    const key = name ?? body?.metadata?.name ?? '';
    const found = this.#objects.get(key);
    if (verb === 'get') return found ? { status: 200, answer: found } : { status: 404, answer: { reason: 'NotFound' } };
    const conflict = { status: 409, answer: { reason: 'Conflict' } };
    if (verb === 'create') return found ? conflict : { status: 201, answer: this.#change(key, body!) };
    if (!found) return { status: 404, answer: { reason: 'NotFound' } };
    if (found.metadata?.resourceVersion !== body?.metadata?.resourceVersion) return conflict;
    return { status: 200, answer: this.#change(key, body!) };
  }

  #list(query: URLSearchParams): object {
    const limit = Number(query.get('limit') ?? 500);
    const from = Number(query.get('continue') ?? 0);
    const all = [...this.#objects.values()];
    const rest = from + limit < all.length ? { continue: String(from + limit) } : {};
    return { metadata: { resourceVersion: String(this.#version), ...rest }, items: all.slice(from, from + limit) };
  }

  #watch(query: URLSearchParams, response: ServerResponse, fault: Fault | undefined): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (fault === 'stall') return;
    if (fault === 'ended') return void response.end();
    if (fault === 'errorEvent')
      return void response.end(`${JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })}\n`);
    const since = Number(query.get('resourceVersion'));
    const tell = ({ type, object }: Change): void => {
      if (response.writableEnded) return;
      const line = `${JSON.stringify({ type, object })}\n`;
      if (fault === 'truncated') return void response.end(line.slice(0, line.length / 2));
      if (fault === 'cut')
        return void response.write(line.slice(0, line.length / 2), () => response.socket?.resetAndDestroy());
      response.write(fault === 'twice' ? line + line : line);
    };
    for (const change of this.#changes) if (change.version > since) tell(change);
    this.#watchers.add(tell);
    response.on('close', () => this.#watchers.delete(tell));
  }
}

function verbOf(method: string, url: URL, name: string | undefined): Verb {
  if (method === 'POST') return 'create';
  if (method === 'PUT') return 'replace';
  if (name !== undefined) return 'get';
  return url.searchParams.get('watch') === 'true' ? 'watch' : 'list';
}

function send(response: ServerResponse, status: number, body: object, fault?: Fault): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  if (fault === 'truncated' || fault === 'cut')
    response.write(text.slice(0, text.length / 2), () => response.socket?.resetAndDestroy());
  else response.end(text);
}
