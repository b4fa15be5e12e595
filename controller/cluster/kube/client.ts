import type { KubernetesObject } from '@kubernetes/client-node';
import { EspalierError, fail } from '../../../api/errors.js';
import { deadlineOf } from '../../../common/deadline.js';
import { type Http, type HttpAnswer, type HttpRequest, textOf } from './http.js';
import { pathOf, type Resource } from './resources.js';

export interface Reference {
  readonly subresource?: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Selection {
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Names the next page; empty on the last. */
  readonly continueToken: string;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** Answers that a caller must handle are values; anything else is `ApiUnreachable` or `ApiRefused`. */
export interface KubeClient {
  get<T>(resource: Resource<T>, at: Reference, signal: AbortSignal): Promise<T | undefined>;
  list<T>(resource: Resource<T>, query: ListQuery, signal: AbortSignal): Promise<Page<T> | 'expired'>;
  /** Ends with the answer's end. A line that is cut off or is not JSON ends it like a lost connection. */
  watch<T>(resource: Resource<T>, query: WatchQuery, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  create<T extends KubernetesObject>(resource: Resource<T>, object: T, signal: AbortSignal): Promise<T | 'exists'>;
  /** Replaces the object at the `resourceVersion` that it carries. */
  replace<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    signal: AbortSignal,
  ): Promise<T | 'changed' | 'missing'>;
  /** RFC 7386; with `metadata.resourceVersion` in it, only onto that version. */
  merge<T>(
    resource: Resource<T>,
    at: Reference,
    patch: object,
    signal: AbortSignal,
  ): Promise<T | 'changed' | 'missing'>;
  /** Server-side apply: what `manager` applied before and leaves out now is removed. */
  apply<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: { readonly manager: string; readonly subresource?: string; readonly signal: AbortSignal },
  ): Promise<T | 'changed' | 'missing'>;
  /** Only the object with this UID. What is not there is removed already. */
  remove(
    resource: Resource<unknown>,
    at: Reference & { readonly uid?: string | undefined },
    options: { readonly signal: AbortSignal; readonly gracePeriodSeconds?: number },
  ): Promise<void>;
  /** Any other path, e.g. discovery; undefined for 404. */
  raw<T>(path: string, query: HttpRequest['query'], signal: AbortSignal): Promise<T | undefined>;
}

export interface ListQuery extends Selection {
  readonly limit: number;
  readonly continueToken?: string;
}
export interface WatchQuery extends Selection {
  readonly resourceVersion: string;
  readonly timeoutSeconds: number;
}

export interface ClientDeps {
  readonly http: Http;
  /** Told of every answered call, for metrics. */
  readonly onCall?: (call: { readonly verb: string; readonly resource: string; readonly code: number }) => void;
}

/** An answer that has not come by then never will. */
const answerWithinMs = 30_000;

export function createKubeClient({ http, onCall = () => {} }: ClientDeps): KubeClient {
  const send = async (verb: string, resource: string, request: HttpRequest): Promise<HttpAnswer> => {
    const answer = await http.send(request);
    onCall({ verb, resource, code: answer.status });
    if (answer.status === 401) http.renew();
    return answer;
  };
  /** `expected` statuses are handed back as they are; a success is parsed. */
  const call = async <T, E extends number = never>(
    verb: string,
    resource: string,
    request: HttpRequest,
    expected: readonly E[] = [],
  ): Promise<T | E> => {
    using deadline = deadlineOf(request.signal, answerWithinMs);
    const name = `${request.method} ${request.path}`;
    let status: number;
    let text: string;
    try {
      const answer = await send(verb, resource, { ...request, signal: deadline.signal });
      status = answer.status;
      text = await textOfBody(answer);
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason;
      if (error instanceof EspalierError) throw error;
      const what = deadline.isOver ? `no answer within ${answerWithinMs / 1000} s` : textOf(error);
      fail('ApiUnreachable', { call: name, what }, { cause: error });
    }
    if (status >= 200 && status < 300) return parsed<T>(text, name);
    if ((expected as readonly number[]).includes(status)) return status as E;
    throw refusal(name, status, text);
  };
  const within = ({ namespace }: Selection) => (namespace === undefined ? {} : { namespace });
  const selectors = ({ labelSelector, fieldSelector }: Selection) => ({ labelSelector, fieldSelector });
  const place = (object: KubernetesObject) => ({
    ...(object.metadata?.namespace !== undefined && { namespace: object.metadata.namespace }),
    name: object.metadata?.name ?? '',
  });

  return {
    async get<T>(resource: Resource<T>, at: Reference, signal: AbortSignal) {
      const request = { method: 'GET' as const, path: pathOf(resource, at), signal };
      const found = await call<T, 404>('get', resource.plural, request, [404]);
      return found === 404 ? undefined : found;
    },
    async list<T>(resource: Resource<T>, query: ListQuery, signal: AbortSignal) {
      const request = {
        method: 'GET' as const,
        path: pathOf(resource, within(query)),
        query: { ...selectors(query), limit: query.limit, continue: query.continueToken },
        signal,
      };
      const page = await call<ListAnswer<T>, 410>('list', resource.plural, request, [410]);
      if (page === 410) return 'expired';
      const { resourceVersion, continue: continueToken = '' } = page.metadata ?? {};
      if (!Array.isArray(page.items) || !resourceVersion)
        fail('ApiUnreachable', { call: `GET ${request.path}`, what: 'the answer is not a list' });
      return { items: page.items, resourceVersion, continueToken };
    },
    async *watch<T>(resource: Resource<T>, query: WatchQuery, signal: AbortSignal) {
      const path = pathOf(resource, within(query));
      const answer = await send('watch', resource.plural, {
        method: 'GET',
        path,
        query: {
          ...selectors(query),
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: query.resourceVersion,
          timeoutSeconds: query.timeoutSeconds,
        },
        signal,
      });
      if (answer.status !== 200) throw refusal(`WATCH ${path}`, answer.status, await textOfBody(answer));
      try {
        for await (const line of lines(answer)) yield parsed<WatchEvent<T>>(line, `WATCH ${path}`);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof EspalierError) throw error;
        fail('ApiUnreachable', { call: `WATCH ${path}`, what: textOf(error) }, { cause: error });
      } finally {
        answer.body.destroy();
      }
    },
    async create<T extends KubernetesObject>(resource: Resource<T>, object: T, signal: AbortSignal) {
      const { name: _, ...at } = place(object);
      const query = { fieldManager, fieldValidation: 'Strict' };
      const request = { method: 'POST' as const, path: pathOf(resource, at), query, body: object, signal };
      const made = await call<T, 409>('create', resource.plural, request, [409]);
      return made === 409 ? 'exists' : made;
    },
    async replace<T extends KubernetesObject>(resource: Resource<T>, object: T, signal: AbortSignal) {
      const request = { method: 'PUT' as const, path: pathOf(resource, place(object)), body: object, signal };
      return outcome(await call<T, 404 | 409>('update', resource.plural, request, [404, 409]));
    },
    async merge<T>(resource: Resource<T>, at: Reference, patch: object, signal: AbortSignal) {
      const request = {
        method: 'PATCH' as const,
        path: pathOf(resource, at),
        query: { fieldManager },
        body: patch,
        contentType: 'application/merge-patch+json',
        signal,
      };
      return outcome(await call<T, 404 | 409>('patch', resource.plural, request, [404, 409]));
    },
    async apply<T extends KubernetesObject>(
      resource: Resource<T>,
      object: T,
      { manager, subresource, signal }: { manager: string; subresource?: string; signal: AbortSignal },
    ) {
      const request = {
        method: 'PATCH' as const,
        path: pathOf(resource, { ...place(object), ...(subresource && { subresource }) }),
        query: { fieldManager: manager, force: true },
        body: { apiVersion: resource.apiVersion, kind: resource.kind, ...object },
        contentType: 'application/apply-patch+yaml',
        signal,
      };
      return outcome(await call<T, 404 | 409>('patch', resource.plural, request, [404, 409]));
    },
    async remove(resource, { uid, ...at }, { signal, gracePeriodSeconds }) {
      const body = {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
        ...(uid && { preconditions: { uid } }),
        ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
      };
      // 409: another object has this name by now.
      const request = { method: 'DELETE' as const, path: pathOf(resource, at), body, signal };
      await call<unknown, 404 | 409>('delete', resource.plural, request, [404, 409]);
    },
    async raw<T>(path: string, query: HttpRequest['query'], signal: AbortSignal) {
      const request = { method: 'GET' as const, path, ...(query && { query }), signal };
      const found = await call<T, 404>('get', 'raw', request, [404]);
      return found === 404 ? undefined : found;
    },
  };
}

/** Our field owner for everything but progress. */
export const fieldManager = 'espalier-controller';

interface ListAnswer<T> {
  readonly items: readonly T[];
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

const outcome = <T>(answer: T | 404 | 409): T | 'changed' | 'missing' =>
  answer === 404 ? 'missing' : answer === 409 ? 'changed' : (answer as T);

async function textOfBody({ body }: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Whole lines only: what follows the last newline was cut off. */
async function* lines({ body }: HttpAnswer): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of body) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = rest.subarray(0, end).toString('utf8').trim();
      rest = rest.subarray(end + 1);
      if (line !== '') yield line;
    }
  }
}

function parsed<T>(text: string, call: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    return fail('ApiUnreachable', { call, what: 'the answer is cut off or is not JSON' }, { cause: error });
  }
}

function refusal(call: string, code: number, text: string): EspalierError<'ApiRefused'> {
  let status: { reason?: string; message?: string } = {};
  try {
    status = JSON.parse(text) as typeof status;
  } catch {
    // A proxy in between answers with a page of its own.
  }
  const what = status.message ?? text.slice(0, 300);
  return new EspalierError('ApiRefused', { call, code, reason: status.reason ?? '', what });
}
