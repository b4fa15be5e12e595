import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Cluster } from '../../cluster/cluster.js';

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

/** The API of any cluster that kubectl reaches; while the API server is away calls reject. */
export interface KubeApi extends AsyncDisposable {
  get<T>(path: string): Promise<T>;
  send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<ApiAnswer>;
  /** Whole lines of an answer that goes on; what follows the last line break is not told. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>;
}

/** Through `kubectl proxy`: it knows every way of logging in, and outlives the API server. */
export async function openKubeApi({ kubectlPath, kubeconfig }: Cluster): Promise<KubeApi> {
  const argv = ['--kubeconfig', kubeconfig, 'proxy', '--port=0'];
  // What it says while the API server is away, its answers say too.
  const proxy = spawn(kubectlPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(proxy, 'exit');
  const first = await createInterface({ input: proxy.stdout })[Symbol.asyncIterator]().next();
  const port = /:(\d+)$/.exec(String(first.value))?.[1];
  if (port === undefined) throw new Error(`kubectl proxy does not say where it listens: ${String(first.value)}`);
  const url = (path: string) => `http://127.0.0.1:${port}${path}`;
  const get = async (path: string, signal: AbortSignal) => {
    const answer = await fetch(url(path), { signal });
    if (answer.ok) return answer;
    throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
  };
  return {
    get: async <T>(path: string) => (await (await get(path, AbortSignal.timeout(mostMs))).json()) as T,
    send: async (method, path, body) => {
      const answer = await fetch(url(path), {
        method,
        signal: AbortSignal.timeout(mostMs),
        headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, text: await answer.text() };
    },
    async *lines(path, signal) {
      const { body } = await get(path, signal);
      let rest = '';
      for await (const text of body!.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split('\n');
        rest = lines.pop()!;
        yield* lines;
      }
    },
    async [Symbol.asyncDispose]() {
      proxy.kill('SIGKILL');
      await ended;
    },
  };
}

const mostMs = 10_000;
