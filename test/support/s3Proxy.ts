import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request on its way; requests are numbered from 0. */
export interface ProxiedRequest {
  readonly index: number;
  readonly method: string;
  readonly url: string;
  /** It carries If-None-Match or If-Match. */
  readonly conditional: boolean;
}

/**
 * `drop`: the server never sees it. `lose`: the server carries it out, but the connection breaks instead of the answer.
 * `cut`: the connection breaks after so many bytes of the answer's body. `status`: the server never sees it, the client
 * gets this answer.
 */
export type ProxyFault =
  | { readonly kind: 'drop' }
  | { readonly kind: 'lose' }
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'status'; readonly status: number; readonly code: string };

export interface S3Proxy extends AsyncDisposable {
  readonly endpoint: string;
  /** From now on; numbering starts again. */
  schedule(fault: (request: ProxiedRequest) => ProxyFault | undefined): void;
  readonly seen: readonly ProxiedRequest[];
  /** What the server answered since then, whether or not the client learnt it. */
  readonly answers: readonly { readonly url: string; readonly status: number }[];
}

/** Stands between client and server and breaks what the schedule says. The Host header stays, so signatures hold. */
export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(target);
  let faultAt: (request: ProxiedRequest) => ProxyFault | undefined = () => undefined;
  let seen: ProxiedRequest[] = [];
  let answers: { url: string; status: number }[] = [];
  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const conditional = headers['if-none-match'] !== undefined || headers['if-match'] !== undefined;
    const described = { index: seen.length, method, url, conditional };
    seen.push(described);
    const fault = faultAt(described);
    const body = await bodyOf(incoming);
    if (fault?.kind === 'drop') return void incoming.socket.destroy();
    if (fault?.kind === 'status') {
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml' });
      return void outgoing.end(`<Error><Code>${fault.code}</Code><Message>scheduled</Message></Error>`);
    }
    const answer = await answerTo({ hostname, port, method, path: url, headers }, body);
    const answerBody = await bodyOf(answer);
    answers.push({ url, status: answer.statusCode ?? 502 });
    if (fault?.kind === 'lose') return void incoming.socket.destroy();
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault?.kind !== 'cut') return void outgoing.end(answerBody);
    outgoing.write(answerBody.subarray(0, fault.afterBytes), () => incoming.socket.destroy());
  }

  const server = createServer((incoming, outgoing) => {
    // A client that was killed in the middle of its request, or a server that broke off.
    pass(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    schedule(fault) {
      faultAt = fault;
      seen = [];
      answers = [];
    },
    get seen() {
      return seen;
    },
    get answers() {
      return answers;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const answerTo = (options: RequestOptions, body: Buffer): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    httpRequest(options, resolve).on('error', reject).end(body);
  });

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
