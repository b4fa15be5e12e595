import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sha256 } from '../../common/hash.js';
import { leafInChild } from '../../test/support/leafInChild.js';
import { tinyBatch, tinyModel } from '../../test/support/tinyModel.js';
import { createMicroBatchFeeds } from '../model/graph/inputs.js';
import { buildTrainingGraph } from '../model/graph/training.js';
import type { MicroBatch } from './engine.js';
import { typedFeeds } from './feeds.js';
import { compile, gradientOutput, trainingGraph } from './program.js';
import { createSession, type Feed } from './session.js';
import { lossPart, partsOf } from './strategy/strategy.js';

const shape = { rows: 2, tokens: 24 };
const bits = (vector: Float32Array): string =>
  sha256(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));

/** A copy of the data that starts `shift` bytes behind where the allocator put it. */
function shifted(data: Feed['data'], shift: number): Feed['data'] {
  const buffer = new ArrayBuffer(data.byteLength + shift);
  new Uint8Array(buffer, shift).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const View = data.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => Feed['data'];
  return new View(buffer, shift, data.length);
}

async function leafAtOffset(batch: MicroBatch, shift: number): Promise<Float32Array> {
  await using model = await tinyModel();
  const { setup, adapter } = model;
  const options = { ...setup, ...setup.base, shape };
  const { graph, loss, wanted } = buildTrainingGraph(options);
  const onnx = compile(trainingGraph(graph, loss, wanted), 'cpu');
  const session = await createSession(onnx, { provider: 'cpu', directory: setup.base.directory });
  const made = typedFeeds(createMicroBatchFeeds(setup.base.spec, shape, setup.headChunk)(batch));
  const result = new Float32Array(setup.layout.length);
  const feeds = Object.fromEntries(
    [...Object.entries(made), ...Object.entries(partsOf(setup.layout, adapter))].map(([name, feed]): [string, Feed] => {
      // Integers keep their own alignment: 8 bytes.
      return [name, { ...feed, data: shifted(feed.data, feed.dtype === 'float32' ? shift : 0) }];
    }),
  );
  const gradients = Object.entries(partsOf(setup.layout, result)).map(([name, part]) => [gradientOutput(name), part]);
  await session.run(feeds, { ...Object.fromEntries(gradients), loss: lossPart(setup.layout, result) });
  await session.close();
  return result;
}

describe('the bits of a leaf', () => {
  it('do not depend on where buffers begin', async () => {
    const hashes = [];
    for (const shift of [0, 4, 16, 32]) hashes.push(bits(await leafAtOffset(tinyBatch(shape), shift)));
    assert.equal(new Set(hashes).size, 1);
  });

  it('are those of another process', async () => {
    const [here, there] = [await leafAtOffset(tinyBatch(shape), 0), await leafInChild('cpu')];
    assert.equal(bits(here), bits(there));
  });

  it('are those of the same rows beside padding that holds other tokens', async () => {
    const batch = tinyBatch(shape, { padding: 1 });
    const other = { ...batch, ids: batch.ids.map((id, i) => (i < shape.tokens ? id : 7)) };
    assert.equal(bits(await leafAtOffset(batch, 0)), bits(await leafAtOffset(other, 0)));
  });
});
