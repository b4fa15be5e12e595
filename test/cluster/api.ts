import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { apiUrl } from './plan.js';

export interface ApiAnswer {
  readonly status: number;
  readonly text: string;
}

export type Api = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown) => Promise<ApiAnswer>;

/** Plain HTTPS as administrator: what `up` asks the API server needs no client library. */
export async function openApi(pki: string): Promise<Api> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'admin.crt', 'admin.key'].map((name) => readFile(join(pki, name))),
  );
  return (method, path, body) =>
    new Promise((done, failed) => {
      const headers = {
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      };
      const call = request(`${apiUrl}${path}`, { method, ca, cert, key, headers, timeout: 5000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => done({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        response.on('error', failed);
      });
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer within 5 s`)));
      call.on('error', failed);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

/** POST that takes "it is there already" for done. */
export async function create(api: Api, path: string, object: unknown): Promise<void> {
  const { status, text } = await api('POST', path, object);
  if (status !== 201 && status !== 409) throw new Error(`POST ${path}: ${status} ${text}`);
}
