import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError, fail } from '../../api/errors.js';
import { createLogger, silentLogger } from '../../common/log.js';
import { type Handlers, type ListenOptions, service, type Transport } from '../../proto/transport.js';

/** What every transport promises. `address` gives a fresh one to listen on. */
export function transportContract(name: string, transport: Transport, address: () => string): void {
  const open = async (handlers: Partial<Handlers<'Exchange'>> = {}, log: ListenOptions['log'] = silentLogger) => {
    const all = { ...refusing, ...handlers };
    const server = await transport.listen([service('Exchange', all)], { address: address(), token: 'secret', log });
    const connection = transport.connect(server.address, { token: 'secret' });
    return {
      server,
      client: connection.client('Exchange'),
      close: async () => {
        connection.close();
        await server.close();
      },
    };
  };

  test(`${name}: a client stream arrives in order, bytes untouched, and is answered once`, async () => {
    const seen: number[] = [];
    const { client, close } = await open({
      async offer(chunks) {
        for await (const chunk of chunks) seen.push(chunk.body === 'data' ? chunk.data![0]! : chunk.header!.step);
        return { outcome: 'COVERED' };
      },
    });
    assert.deepEqual(await client.offer(pieces(5)), { outcome: 'COVERED' });
    assert.deepEqual(seen, [7, 0, 1, 2, 3, 4]);
    await close();
  });

  test(`${name}: a server stream of 1 MiB messages is written no faster than it is read`, async () => {
    let written = 0;
    const { client, close } = await open({
      async *fetch() {
        for (let i = 0; i < 200; i++) {
          written++;
          yield { data: Buffer.alloc(2 ** 20, i) };
        }
      },
    });
    let read = 0;
    let ahead = 0;
    for await (const chunk of client.fetch({ step: 1 })) {
      assert.equal(chunk.data![2 ** 20 - 1], read++ % 256);
      await new Promise((resolve) => setImmediate(resolve));
      ahead = Math.max(ahead, written - read);
    }
    assert.equal(read, 200);
    assert.ok(ahead < 60, `${ahead} messages were written ahead of the reader`);
    await close();
  });

  test(`${name}: an early answer ends a client stream before its last message`, async () => {
    const { client, close } = await open({
      async offer(chunks) {
        for await (const _ of chunks) return { outcome: 'LATE' };
        return { outcome: 'TAKEN' };
      },
    });
    let sent = 0;
    let stopped = false;
    async function* endless() {
      try {
        for (;;) {
          sent++;
          yield sent === 1 ? { header: { step: 7 } } : { data: Buffer.alloc(2 ** 18) };
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        stopped = true;
      }
    }
    assert.deepEqual(await client.offer(endless()), { outcome: 'LATE' });
    await until(() => stopped);
    await close();
  });

  test(`${name}: both directions of a link flow at once, and its end reaches the other side`, async () => {
    const heard: (string | undefined)[] = [];
    let over = false;
    const { client, close } = await open({
      async *link(requests, { signal }) {
        signal.addEventListener('abort', () => {
          over = true;
        });
        for await (const { body, hello, status } of requests) {
          heard.push(body);
          yield { member: hello?.member ?? '', view: status?.view ?? 0 };
        }
      },
    });
    const abort = new AbortController();
    async function* requests() {
      yield { hello: { member: 'a', recipeHash: 'r', numericsVersion: 1, protocolVersion: 1 } };
      for (let view = 1; ; view++) {
        yield { status: { view, running: [3] } };
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const replies: unknown[] = [];
    await assert.rejects(async () => {
      for await (const reply of client.link(requests(), { signal: abort.signal })) {
        if (replies.push(reply) === 3) abort.abort(new Error('enough'));
      }
    }, /enough/);
    assert.deepEqual(replies, [
      { member: 'a', view: 0 },
      { member: '', view: 1 },
      { member: '', view: 2 },
    ]);
    assert.equal(heard[0], 'hello');
    await until(() => over);
    await close();
  });

  test(`${name}: a named error arrives with its name, facts and remedy`, async () => {
    const { client, close } = await open({
      // biome-ignore lint/correctness/useYield: it fails before the first reply
      async *fetch({ step, shard }) {
        fail('PieceMissing', { step, shard });
      },
    });
    const error = await firstOf(client.fetch({ step: 4, shard: 2 })).catch((cause: unknown) => cause);
    assert.ok(EspalierError.is(error, 'PieceMissing'));
    assert.deepEqual(error.facts, { step: 4, shard: 2 });
    await close();
  });

  test(`${name}: an unexpected error is logged at the server and leaks nothing`, async () => {
    const lines: string[] = [];
    const log = createLogger((line) => lines.push(line));
    const handlers: Partial<Handlers<'Exchange'>> = {
      async offer() {
        throw new Error('password 1234');
      },
    };
    const { client, close } = await open(handlers, log);
    const error = await client.offer(pieces(1)).catch((cause: unknown) => cause);
    assert.ok(EspalierError.is(error, 'CallFailed'));
    assert.equal(error.facts.code, 'INTERNAL');
    assert.doesNotMatch(error.message, /1234/);
    assert.match(lines.join(''), /password 1234/);
    await close();
  });

  test(`${name}: a call without the job's token is refused, in each shape of call`, async () => {
    const { server, close } = await open();
    const stranger = transport.connect(server.address, { token: 'other!' });
    const client = stranger.client('Exchange');
    const refused = (error: unknown) => EspalierError.is(error, 'TokenRejected');
    await assert.rejects(client.offer(pieces(1)), refused);
    await assert.rejects(firstOf(client.fetch({})), refused);
    await assert.rejects(firstOf(client.link(hellos())), refused);
    stranger.close();
    await close();
  });

  test(`${name}: a deadline ends a call that hangs, on both sides`, async () => {
    let [begun, over] = [false, false];
    const { client, close } = await open({
      offer: (_, { signal }) => {
        begun = true;
        return hang(signal, () => (over = true));
      },
    });
    // On a busy machine a short deadline may pass before the call has reached the server: then a longer one is tried.
    for (let timeoutMs = 50; !begun; timeoutMs *= 2) {
      const error = await client.offer(pieces(1), { timeoutMs }).catch((cause: unknown) => cause);
      assert.ok(EspalierError.is(error, 'CallTimedOut'), String(error));
    }
    await until(() => over);
    await close();
  });

  test(`${name}: an abort ends a call with the signal's own reason, on both sides`, async () => {
    let over = false;
    const abort = new AbortController();
    const { client, close } = await open({
      offer: (_, { signal }) => {
        setImmediate(() => abort.abort(new Error('changed my mind')));
        return hang(signal, () => (over = true));
      },
    });
    await assert.rejects(client.offer(pieces(1), { signal: abort.signal }), /changed my mind/);
    await until(() => over);
    await close();
  });

  test(`${name}: nobody at the address, and a server that closes, are a peer unreachable`, async () => {
    const { server, client, close } = await open({
      async *link(requests) {
        for await (const _ of requests) yield { member: 'b' };
      },
    });
    const link = client.link(hellos())[Symbol.asyncIterator]();
    assert.deepEqual((await link.next()).value, { member: 'b', view: 0 });
    const broken = link.next().catch((cause: unknown) => cause);
    await server.close();
    assert.ok(EspalierError.is(await broken, 'PeerUnreachable'), String(await broken));
    const error = await client.offer(pieces(1), { timeoutMs: 5000 }).catch((cause: unknown) => cause);
    assert.ok(EspalierError.is(error, 'PeerUnreachable'), String(error));
    await close();
  });
}

const refusing: Handlers<'Exchange'> = {
  link: () => single({ member: 'server' }),
  offer: async () => ({ outcome: 'TAKEN' }),
  fetch: () => single({ data: Buffer.of(1) }),
  fetchState: () => single({ header: { step: 1 } }),
};

async function* single<T>(item: T) {
  yield item;
}

async function* pieces(count: number) {
  yield { header: { step: 7 } };
  for (let i = 0; i < count; i++) yield { data: Buffer.alloc(2 ** 20, i) };
}

/** A hello, and then nothing for as long as the link lives. */
async function* hellos() {
  yield { hello: { member: 'a' } };
  await new Promise(() => {});
}

const hang = (signal: AbortSignal, over: () => void): Promise<never> =>
  new Promise((_, reject) =>
    signal.addEventListener('abort', () => {
      over();
      reject(signal.reason);
    }),
  );

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
