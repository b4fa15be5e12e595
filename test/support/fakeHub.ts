import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRepository {
  readonly commit: string;
  /** Branches and tags that point at the commit. */
  readonly revisions: readonly string[];
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Files kept in LFS: named by SHA-256 and served by the CDN host after a redirect. */
  readonly lfs?: readonly string[];
  readonly license?: string;
  readonly access?: 'open' | 'gated' | 'private';
}

/** What happens to one answer: the first fault that matches a file is used up by it. */
export interface Fault {
  /** A file's name, or `api`. */
  readonly at: string;
  readonly kind: 'reset' | 'wrongBytes' | 'status' | 'ignoreRange' | 'noRange';
  /** Bytes sent before the connection is reset; the status sent. */
  readonly value?: number;
}

export interface SeenRequest {
  readonly host: 'hub' | 'cdn';
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** A real HTTP server that speaks as much of the hub as Espalier uses, with a second host as its CDN, and faults. */
export async function startFakeHub(repositories: Readonly<Record<string, FakeRepository>>, token = 'hf_good') {
  const seen: SeenRequest[] = [];
  const faults: Fault[] = [];
  const state = { repositories };
  const takeFault = (at: string): Fault | undefined => {
    const index = faults.findIndex((fault) => fault.at === at);
    return index < 0 ? undefined : faults.splice(index, 1)[0];
  };
  const record = (host: 'hub' | 'cdn', { url = '', headers }: IncomingMessage) =>
    seen.push({ host, path: decodeURIComponent(url), authorization: headers.authorization, range: headers.range });

  const cdn = await listen((request, response) => {
    record('cdn', request);
    const [, hash = '', name = ''] = (request.url ?? '').split('/').map(decodeURIComponent);
    const file = Object.values(state.repositories)
      .flatMap(({ files }) => Object.values(files))
      .find((bytes) => sha256(bytes) === hash);
    if (file === undefined) return answer(response, 404);
    const fault = takeFault(name);
    if (fault?.kind === 'status') return answer(response, fault.value ?? 500);
    sendFile(request, response, file, fault);
  });
  const cdnUrl = `http://127.0.0.1:${portOf(cdn)}`;

  const hub = await listen((request, response) => {
    record('hub', request);
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    const isKnown = request.headers.authorization === `Bearer ${token}`;
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const [, id = '', revision = '', name] = api ?? file ?? [];
    const repository = state.repositories[id];
    // What lies in LFS fails where its bytes come from: at the CDN.
    const isLfs = repository?.lfs?.includes(name ?? '') ?? false;
    const fault = isLfs ? undefined : takeFault(name ?? 'api');
    if (fault?.kind === 'status') return answer(response, fault.value ?? 500);
    if (repository === undefined || (repository.access === 'private' && !isKnown))
      return answer(response, isKnown ? 404 : 401, 'RepoNotFound');
    if (repository.access === 'gated' && !isKnown) return answer(response, 403, 'GatedRepo');
    if (revision !== repository.commit && !repository.revisions.includes(revision))
      return answer(response, 404, 'RevisionNotFound');
    if (name === undefined) return sendApi(response, repository, fault);
    const bytes = repository.files[name];
    if (bytes === undefined) return answer(response, 404, 'EntryNotFound');
    if (!isLfs) return sendFile(request, response, bytes, fault);
    response.writeHead(302, { location: `${cdnUrl}/${sha256(bytes)}/${encodeURIComponent(name)}` });
    return response.end();
  });

  return {
    endpoint: `http://127.0.0.1:${portOf(hub)}`,
    seen,
    faults,
    /** Replaces what the hub holds, as a push would. */
    publish: (next: Readonly<Record<string, FakeRepository>>) => {
      state.repositories = next;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([hub, cdn].map(close));
    },
  };
}

function sendApi(response: ServerResponse, repository: FakeRepository, fault: Fault | undefined): void {
  if (fault?.kind === 'reset') return void response.destroy();
  const siblings = Object.entries(repository.files).map(([rfilename, bytes]) => ({
    rfilename,
    size: bytes.byteLength,
    blobId: createHash('sha1').update(`blob ${bytes.byteLength}\0`).update(bytes).digest('hex'),
    ...(repository.lfs?.includes(rfilename) ? { lfs: { sha256: sha256(bytes), size: bytes.byteLength } } : {}),
  }));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ sha: repository.commit, siblings, cardData: { license: repository.license } }));
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  whole: Uint8Array,
  fault: Fault | undefined,
): void {
  const from = fault?.kind === 'ignoreRange' ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const sent = fault?.kind === 'wrongBytes' ? whole.map((byte) => byte ^ 1) : whole;
  const body = sent.subarray(from);
  const partial = from > 0;
  const contentRange = { 'content-range': `bytes ${from}-${whole.byteLength - 1}/${whole.byteLength}` };
  const headers = partial && fault?.kind !== 'noRange' ? contentRange : {};
  response.writeHead(partial ? 206 : 200, { 'content-length': body.byteLength, ...headers });
  if (fault?.kind !== 'reset') return void response.end(body);
  response.write(body.subarray(0, fault.value ?? 0), () => response.destroy());
}

function answer(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, code === undefined ? {} : { 'x-error-code': code });
  response.end();
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
