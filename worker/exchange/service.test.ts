import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { PieceChunkInput } from '../../proto/generated/espalier/v1/PieceChunk.js';
import { memoryTransport } from '../../proto/memory.js';
import { ToyTrainee, toyRecipe } from '../../test/support/toyTrainee.js';
import { HandViews } from '../../test/support/views.js';
import { createExchange } from './driver.js';

// Four shards of 64 floats, eight leaves: node 3 is over leaves 0 to 3.
async function setup() {
  const transport = memoryTransport();
  const recipe = toyRecipe();
  const trainee = new ToyTrainee(recipe);
  const others = { views: new HandViews().sourceFor('a'), transport, token: 't' };
  const exchange = createExchange({ self: 'a', recipe, trainee, others, clock: systemClock, log: silentLogger });
  const options = { address: 'memory:0', token: 't', log: silentLogger };
  const server = await transport.listen([exchange.service], options);
  return { trainee, client: transport.connect(server.address, { token: 't' }).client('Exchange') };
}

const bytes = Buffer.alloc(256, 1);
const header = {
  member: 'b',
  step: 0,
  shard: 1,
  node: 3,
  sizeBytes: 256,
  sha256: createHash('sha256').update(bytes).digest(),
};

async function* chunks(...items: PieceChunkInput[]) {
  yield* items;
}

test('a piece is taken once, and after that it is covered', async () => {
  const { client } = await setup();
  assert.deepEqual(await client.offer(chunks({ header }, { data: bytes })), { outcome: 'TAKEN' });
  await settled();
  assert.deepEqual(await client.offer(chunks({ header }, { data: bytes })), { outcome: 'COVERED' });
  assert.deepEqual(await client.offer(chunks({ header: { ...header, node: 0 } }, { data: bytes })), {
    outcome: 'COVERED',
  });
  const got = [];
  for await (const chunk of client.fetch({ step: 0, shard: 1, node: 3 })) got.push(chunk.header ?? chunk.data);
  assert.deepEqual(got, [{ ...header, member: 'a' }, bytes]);
});

test('damaged, short, long, headless and impossible pieces are refused, each with its reason', async () => {
  const { client } = await setup();
  const refusals: [PieceChunkInput[], RegExp][] = [
    [[{ header }, { data: Buffer.alloc(256, 2) }], /do not have the hash/],
    [[{ header }, { data: bytes.subarray(4) }], /ends too early/],
    [[{ header }, { data: bytes }, { data: bytes }], /more bytes than its header/],
    [[{ data: bytes }], /does not begin with a header/],
    [[], /it is empty/],
    [[{ header: { ...header, sizeBytes: 260 } }], /260 bytes instead of 256/],
    [[{ header: { ...header, shard: 9 } }], /no shard 9/],
    [[{ header: { ...header, step: 99 } }], /no step 99/],
    [[{ header: { ...header, node: 77 } }], /no node 77/],
  ];
  for (const [items, why] of refusals) {
    const error = await client.offer(chunks(...items)).catch((cause: unknown) => cause);
    assert.ok(EspalierError.is(error, 'PieceInvalid'), String(error));
    assert.match(error.message, why);
  }
});

test('what is not kept cannot be fetched', async () => {
  const { client } = await setup();
  await assert.rejects(drained(client.fetch({ step: 1, shard: 0, node: 7 })), (error) =>
    EspalierError.is(error, 'PieceMissing'),
  );
});

test('two states are given out at once and no third one, and none that would be of no use', async () => {
  const { client, trainee } = await setup();
  const unavailable = (why: RegExp) => (error: unknown) =>
    EspalierError.is(error, 'StateUnavailable') && why.test(error.message);
  await assert.rejects(drained(client.fetchState({ afterStep: 0 })), unavailable(/it is at step 0 here/));
  trainee.nextStep = 5;
  const two = [client.fetchState({ afterStep: 4 }), client.fetchState({ afterStep: 4 })].map((stream) =>
    stream[Symbol.asyncIterator](),
  );
  const headers = await Promise.all(two.map((stream) => stream.next()));
  assert.deepEqual(
    headers.map(({ value }) => value?.header?.step),
    [5, 5],
  );
  await assert.rejects(drained(client.fetchState({ afterStep: 4 })), unavailable(/2 are being given out/));
  await Promise.all(two.map((stream) => stream.return?.()));
});

test('a peer of another version, numerics or recipe is told in what it differs', async () => {
  const { client } = await setup();
  const hello = { protocolVersion: 1, numericsVersion: 1, recipeHash: 'toy', member: 'b', view: 1 };
  const differ = async (change: object) => {
    async function* requests() {
      yield { hello: { ...hello, ...change } };
    }
    const error = await drained(client.link(requests())).catch((cause: unknown) => cause);
    return EspalierError.is(error, 'HandshakeMismatch') ? error.facts.what : error;
  };
  assert.deepEqual(
    await Promise.all(
      [{ protocolVersion: 2 }, { numericsVersion: 3 }, { recipeHash: 'x' }, { fingerprint: 'x' }, {}].map(differ),
    ),
    ['protocol version', 'numerics version', 'recipe', 'numerics fingerprint', undefined],
  );
});

async function drained(items: AsyncIterable<unknown>): Promise<undefined> {
  for await (const _ of items);
  return undefined;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
