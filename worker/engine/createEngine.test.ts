import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { sha256 } from '../../common/hash.js';
import { tinyBatch, tinyModel } from '../../test/support/tinyModel.js';
import { createEngine } from './createEngine.js';
import type { Engine } from './engine.js';
import type { EngineSetup } from './strategy/strategy.js';

const shape = { rows: 2, tokens: 24 };
const bits = (vector: Float32Array): string =>
  sha256(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));

async function withEngine<T>(setup: EngineSetup, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine(setup);
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

describe('an engine', () => {
  it('gives the gradient that differences of its own loss show', async () => {
    await using model = await tinyModel();
    const { setup, adapter } = model;
    const batch = tinyBatch(shape);
    await withEngine(setup, async (engine) => {
      const vector = await engine.leaf(batch, adapter);
      assert.ok(Math.abs((await engine.loss(batch, adapter)) - vector[setup.layout.lossSlot]!) < 1e-4);
      for (const tensor of [setup.layout.tensors[0]!, setup.layout.tensors[17]!, setup.layout.tensors.at(-1)!]) {
        const size = tensor.shape.reduce((a, b) => a * b, 1);
        const gradient = vector.subarray(tensor.offset, tensor.offset + size);
        const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
        assert.ok(norm > 0.01, tensor.name);
        const along = (by: number) => {
          const moved = adapter.slice();
          gradient.forEach((value, i) => {
            moved[tensor.offset + i]! += (by * value) / norm;
          });
          return engine.loss(batch, moved);
        };
        const step = 0.01;
        const measured = ((await along(step)) - (await along(-step))) / (2 * step);
        assert.ok(Math.abs(measured - norm) < 0.01 * norm + 0.02, `${tensor.name}: ${norm}, measured ${measured}`);
      }
    });
  });

  it('gives the same bits again, in another engine, and from shared memory', async () => {
    await using model = await tinyModel();
    const { setup, adapter } = model;
    const shared = new Float32Array(new SharedArrayBuffer(adapter.byteLength));
    shared.set(adapter);
    const batch = tinyBatch(shape);
    const hashes = await Promise.all(
      [adapter, shared].map((vector) =>
        withEngine(setup, async (engine) => {
          const first = bits(await engine.leaf(batch, vector));
          await engine.leaf(tinyBatch(shape, { seed: 9 }), vector);
          return [first, bits(await engine.leaf(batch, vector))];
        }),
      ),
    );
    assert.equal(new Set(hashes.flat()).size, 1);
  });

  it('gives the same bits layer by layer as in one session', async () => {
    for (const modules of [undefined, ['model.layers.2.mlp.down_proj', 'model.layers.3.self_attn.q_proj']]) {
      await using model = await tinyModel(modules ? { modules } : {});
      const { setup, adapter } = model;
      const batch = tinyBatch(shape);
      const results = [];
      for (const strategy of ['whole', 'layered'] as const)
        results.push(
          await withEngine({ ...setup, strategy }, async (engine) => [
            bits(await engine.leaf(batch, adapter)),
            await engine.loss(batch, adapter),
          ]),
        );
      assert.deepEqual(results[0], results[1]);
    }
  });

  it('adds nothing for a row of padding, whatever neighbours a row has', async () => {
    await using model = await tinyModel();
    const { setup, adapter } = model;
    await withEngine(setup, async (engine) => {
      const padded = await engine.leaf(tinyBatch(shape, { padding: 1 }), adapter);
      const alone = await engine.leaf(tinyBatch({ rows: 1, tokens: 24 }), adapter);
      assert.ok(Math.abs(padded[setup.layout.lossSlot]! - alone[setup.layout.lossSlot]!) < 1e-4);
      for (let i = 0; i < alone.length; i++) assert.ok(Math.abs(padded[i]! - alone[i]!) < 1e-4);
      assert.ok(padded.every(Number.isFinite));
    });
  });

  it('leaves gaps between tensors at zero and counts a batch without supervised tokens as nothing', async () => {
    await using model = await tinyModel();
    const { setup, adapter } = model;
    const batch = tinyBatch(shape, { padding: 2 });
    const vector = await withEngine(setup, (engine) => engine.leaf(batch, adapter));
    assert.ok(vector.every((value) => value === 0));
  });

  it('draws dropout from the step and the sequence, not from the engine', async () => {
    await using model = await tinyModel({ dropout: 0.25 });
    const { setup, adapter } = model;
    const at = (strategy: EngineSetup['strategy'], step: number) =>
      withEngine({ ...setup, strategy }, async (engine) =>
        bits(await engine.leaf(tinyBatch(shape, { step }), adapter)),
      );
    const [first, again, later, layered] = [
      await at('whole', 0),
      await at('whole', 0),
      await at('whole', 1),
      await at('layered', 0),
    ];
    assert.equal(first, again);
    assert.equal(first, layered);
    assert.notEqual(first, later);
  });

  it('reports a failure of its thread as a coded error and lives on', async () => {
    await using model = await tinyModel();
    const { setup, adapter } = model;
    await withEngine(setup, async (engine) => {
      const batch = tinyBatch(shape);
      const broken = { ...batch, ids: batch.ids.map(() => 4000) };
      await assert.rejects(engine.leaf(broken, adapter), (error) => EspalierError.is(error, 'SessionFailed'));
      assert.ok((await engine.loss(batch, adapter)) > 0);
    });
  });

  it('says that a device is missing', async () => {
    await using model = await tinyModel({ device: 'cuda' });
    await assert.rejects(createEngine(model.setup), (error) => EspalierError.is(error, 'ProviderMissing'));
  });

  it('rejects what waits when it is closed', async () => {
    await using model = await tinyModel();
    const engine = await createEngine(model.setup);
    const waiting = engine.loss(tinyBatch(shape), model.adapter);
    const rejected = assert.rejects(waiting, (error) => EspalierError.is(error, 'EngineStopped'));
    await engine.close();
    await rejected;
    await assert.rejects(engine.loss(tinyBatch(shape), model.adapter), (error) =>
      EspalierError.is(error, 'EngineStopped'),
    );
  });
});
