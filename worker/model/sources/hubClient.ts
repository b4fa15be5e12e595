import { Agent, fetch, ProxyAgent, type Response } from 'undici';
import { fail } from '../../../api/errors.js';
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import { isObject } from '../fields.js';
import { type HubSettings, proxyFor } from './hubSettings.js';

export interface HubFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** The blob's name in the hub's cache: SHA-256 of an LFS file, else git's SHA-1 of the blob. */
  readonly digest: { readonly algorithm: 'sha256' | 'git-sha1'; readonly hex: string };
}

export interface HubRepository {
  readonly commit: string;
  readonly license: string | null;
  readonly files: readonly HubFile[];
}

export interface HubClient {
  /** Resolves a branch, tag or commit and lists its files. */
  repository(id: string, revision: string): Promise<HubRepository>;
  /** The bytes of a file from `from` on; `start` says where they really begin (0 when the server ignores ranges). */
  open(
    id: string,
    commit: string,
    file: string,
    from: number,
  ): Promise<{ start: number; body: AsyncIterable<Uint8Array> }>;
  close(): Promise<void>;
}

const attempts = 5;
const mostRedirects = 5;
const silenceMs = 60_000;

/** Thrown where trying again may help; becomes `HubUnreachable` when it did not. */
export class Transient extends Error {}

/** A client of the hub's HTTP interface over one proxy-aware connection pool. */
export function createHubClient(
  settings: HubSettings,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal?: AbortSignal },
): HubClient {
  const timeouts = { headersTimeout: silenceMs, bodyTimeout: silenceMs };
  const direct = new Agent(timeouts);
  const proxies = new Map<string, ProxyAgent>();
  const dispatcherFor = (target: URL) => {
    const uri = proxyFor(target, settings);
    if (uri === undefined) return direct;
    const agent = proxies.get(uri) ?? new ProxyAgent({ uri, ...timeouts });
    proxies.set(uri, agent);
    return agent;
  };
  const path = (part: string) => part.split('/').map(encodeURIComponent).join('/');

  return {
    repository: (id, revision) =>
      retrying(settings.endpoint, { clock, log, signal }, async () => {
        const url = `${settings.endpoint}/api/models/${path(id)}/revision/${encodeURIComponent(revision)}?blobs=true`;
        const response = await get(url, {});
        refuse(response, id, revision, null);
        return parseRepository(id, await response.json().catch(transient));
      }),
    open: async (id, commit, file, from) => {
      const url = `${settings.endpoint}/${path(id)}/resolve/${commit}/${path(file)}`;
      const response = await get(url, from > 0 ? { range: `bytes=${from}-` } : {});
      if (response.status === 416) return { start: 0, body: empty() };
      refuse(response, id, commit, file);
      const start = response.status === 206 ? rangeStart(response) : 0;
      return { start, body: response.body ?? empty() };
    },
    // Answers that were refused may have unread bodies: nothing waits for them.
    close: async () => {
      await Promise.all([direct, ...proxies.values()].map((agent) => agent.destroy()));
    },
  };

  /** Follows redirects itself: the token goes to the hub's own host and to no other. */
  async function get(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    let target = new URL(url);
    for (let redirects = 0; redirects <= mostRedirects; redirects++) {
      const isHub = target.host === new URL(settings.endpoint).host;
      const authorization = isHub && settings.token !== null ? { authorization: `Bearer ${settings.token}` } : {};
      const init = {
        headers: { 'user-agent': 'espalier', ...authorization, ...headers },
        dispatcher: dispatcherFor(target),
        redirect: 'manual',
      } as const;
      const response = await fetch(target, signal ? { ...init, signal } : init).catch(transient);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || location === null) return response;
      await response.body?.cancel();
      target = new URL(location, target);
    }
    throw new Transient(`more than ${mostRedirects} redirects`);
  }

  function transient(error: unknown): never {
    signal?.throwIfAborted();
    const { message, cause } = error as Error;
    throw new Transient(cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message, {
      cause: error,
    });
  }
}

/** Runs `work` again after a transient fault, with growing pauses; the last fault becomes `HubUnreachable`. */
export async function retrying<Result>(
  endpoint: string,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal?: AbortSignal | undefined },
  work: (attempt: number) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      if (attempt >= attempts) fail('HubUnreachable', { endpoint, why: error.message }, { cause: error });
      log.warn('the hub did not answer, trying again', { attempt, why: error.message });
      await clock.sleep(250 * 2 ** attempt, signal);
    }
  }
}

function refuse(response: Response, repository: string, revision: string, file: string | null): void {
  const { status } = response;
  if (status < 300) return;
  const code = response.headers.get('x-error-code');
  if (code === 'GatedRepo' || status === 403) fail('BaseGated', { repository });
  if (code === 'RevisionNotFound') fail('HubRevisionUnknown', { repository, revision });
  // Without a valid token the hub hides private repositories behind the same 401 as missing ones.
  if (code === 'RepoNotFound' || status === 401) fail('HubRepositoryUnknown', { repository });
  if (status === 404)
    fail('HubRepositoryUnknown', { repository: file === null ? repository : `${repository}/${file}` });
  throw new Transient(`status ${status}`);
}

function parseRepository(id: string, json: unknown): HubRepository {
  const unreadable = (): never => {
    throw new Transient(`an answer about ${id} that is no repository`);
  };
  if (!isObject(json) || typeof json.sha !== 'string' || !Array.isArray(json.siblings)) return unreadable();
  const files = json.siblings.map((item: unknown): HubFile => {
    if (!isObject(item) || typeof item.rfilename !== 'string' || typeof item.size !== 'number') return unreadable();
    const lfs = isObject(item.lfs) ? item.lfs.sha256 : undefined;
    if (typeof lfs === 'string')
      return { name: item.rfilename, sizeBytes: item.size, digest: { algorithm: 'sha256', hex: lfs } };
    if (typeof item.blobId !== 'string') return unreadable();
    return { name: item.rfilename, sizeBytes: item.size, digest: { algorithm: 'git-sha1', hex: item.blobId } };
  });
  const license = isObject(json.cardData) && typeof json.cardData.license === 'string' ? json.cardData.license : null;
  return { commit: json.sha, license, files };
}

function rangeStart(response: Response): number {
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (start === undefined) throw new Transient('a partial answer without content-range');
  return Number(start);
}

async function* empty(): AsyncGenerator<Uint8Array> {}
