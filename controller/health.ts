import { createServer, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

export interface HealthDeps {
  /** `host:port`. */
  readonly listen: string;
  readonly registry: Registry;
  /** Undefined = fine; else what is wrong. A process that is not alive is started again. */
  readonly sick: () => string | undefined;
  readonly unready: () => string | undefined;
}

/** /livez, /readyz and /metrics. */
export async function serveHealth({ listen, registry, sick, unready }: HealthDeps): Promise<AsyncDisposable> {
  const answer = (response: ServerResponse, what: string | undefined) => {
    response.writeHead(what === undefined ? 200 : 503, { 'content-type': 'text/plain' }).end(`${what ?? 'ok'}\n`);
  };
  const server = createServer((request, response) => {
    if (request.url === '/livez') answer(response, sick());
    else if (request.url === '/readyz') answer(response, sick() ?? unready());
    else if (request.url === '/metrics')
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        (error: unknown) => answer(response, String(error)),
      );
    else response.writeHead(404).end();
  });
  const at = listen.lastIndexOf(':');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(listen.slice(at + 1)), listen.slice(0, at), resolve);
  });
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
