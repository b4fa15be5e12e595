import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

interface Stored {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

/** What a POST of a review is answered with. */
export type Review = (body: { readonly spec: Record<string, unknown> }) => object;

/** A small API server over real HTTP for reading commands and reviews: objects by path, watches that stay open, pod logs. */
export class ClusterApi implements AsyncDisposable {
  readonly #objects = new Map<string, Stored>();
  readonly #logs = new Map<string, string>();
  readonly #reviews = new Map<string, Review>();
  readonly #watchers = new Set<{ readonly collection: string; readonly response: ServerResponse }>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #folder = '';
  #version = 1;
  readonly asked: string[] = [];

  static async start(): Promise<ClusterApi> {
    const api = new ClusterApi();
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    api.#folder = await mkdtemp(join(tmpdir(), 'espalier-api-'));
    await writeFile(api.kubeconfig, JSON.stringify(api.#config()));
    return api;
  }

  get kubeconfig(): string {
    return join(this.#folder, 'config');
  }

  /** `collection` as in a path, e.g. `apis/batch/v1/jobs`. */
  put(collection: string, object: Stored): void {
    const key = this.#key(collection, object);
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(key, stored);
    this.#tell(collection, type, stored);
  }

  remove(collection: string, object: Stored): void {
    this.#objects.delete(this.#key(collection, object));
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    this.#tell(collection, 'DELETED', { ...object, metadata });
  }

  log(namespace: string, pod: string, lines: string): void {
    this.#logs.set(`${namespace}/${pod}`, lines);
  }

  review(plural: string, answer: Review): void {
    this.#reviews.set(plural, answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#folder, { recursive: true });
  }

  #config(): object {
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      contexts: [
        { name: 'here', context: { cluster: 'c', user: 'u', namespace: 'team' } },
        { name: 'lost', context: { cluster: 'none', user: 'u' } },
      ],
      clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: {} }],
    };
  }

  #key = (collection: string, { metadata }: Stored): string =>
    `${collection} ${metadata.namespace ?? ''}/${metadata.name}`;

  #tell(collection: string, type: string, object: Stored): void {
    for (const watcher of this.#watchers)
      if (watcher.collection === collection) watcher.response.write(`${JSON.stringify({ type, object })}\n`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://here');
    this.asked.push(`${request.method} ${url.pathname}`);
    // /apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE
    const found = /^\/((?:apis\/[^/]+|api)\/[^/]+)(?:\/namespaces\/([^/]+))?\/([a-z]+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(
      url.pathname,
    );
    const [, root = '', namespace, plural = '', name, subresource] = found ?? [];
    const collection = `${root}/${plural}`;
    const send = (status: number, body: object | string) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const review = this.#reviews.get(plural);
    if (request.method === 'POST' && review)
      return send(201, review(JSON.parse(await text(request)) as { spec: Record<string, unknown> }));
    if (subresource === 'log') {
      const lines = this.#logs.get(`${namespace}/${name}`);
      return lines === undefined ? send(404, { message: 'no such pod' }) : send(200, lines);
    }
    if (name !== undefined) {
      const object = this.#objects.get(`${collection} ${namespace}/${name}`);
      return object ? send(200, object) : send(404, { reason: 'NotFound', message: `${plural} ${name} not found` });
    }
    if (url.searchParams.get('watch') === 'true') {
      response.writeHead(200);
      response.flushHeaders();
      const watcher = { collection, response };
      this.#watchers.add(watcher);
      response.on('close', () => this.#watchers.delete(watcher));
      return;
    }
    const label = url.searchParams.get('labelSelector')?.split('=');
    const items = [...this.#objects]
      .filter(([key]) => key.startsWith(`${collection} ${namespace === undefined ? '' : `${namespace}/`}`))
      .map(([, object]) => object)
      .filter(
        ({ metadata }) => !label || (metadata.labels as Record<string, string> | undefined)?.[label[0]!] === label[1],
      )
      .filter(({ metadata }) => fieldFits(url.searchParams.get('fieldSelector'), metadata.name));
    send(200, { metadata: { resourceVersion: String(this.#version) }, items });
  }
}

const fieldFits = (selector: string | null, name: string): boolean => {
  const wanted = /^metadata\.name=(.*)$/.exec(selector ?? '')?.[1];
  return wanted === undefined || wanted === name;
};
