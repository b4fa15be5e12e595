import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { GraphBuilder } from './ir/builder.js';
import { ops } from './ops/index.js';
import { probeDenormals } from './probe.js';
import { compile } from './program.js';
import { bundledProviders, createSession, type Feed } from './session.js';

const float32 = (...data: number[]): Feed => ({
  dtype: 'float32',
  shape: [data.length],
  data: Float32Array.from(data),
});
const failed = (error: unknown): boolean => EspalierError.is(error, 'SessionFailed');

describe('a session', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'espalier-session-'));
    await writeFile(join(directory, 'weights.bin'), Buffer.from(Float32Array.of(9, 9, 9, 9, 10, 20).buffer));
  });
  after(() => rm(directory, { recursive: true }));

  const scaled = (bytes: number, file = 'weights.bin') => {
    const b = new GraphBuilder(ops);
    const weight = b.weight('w', { file, offset: 16, bytes, shape: [bytes / 4] });
    b.output('y', b.mul(b.input('x', 'float32', [bytes / 4]), weight));
    return compile(b.build(), 'cpu');
  };

  it('reads weights in place from their file and writes results into the given array', async () => {
    const session = await createSession(scaled(8), { provider: 'cpu', directory });
    const y = float32(0, 0);
    await session.run({ x: float32(1, 2) }, { y });
    await session.close();
    assert.deepEqual([...y.data], [10, 40]);
  });

  it('fails with a coded error on bytes that are no model, on a missing file and on one that is too short', async () => {
    const open = (model: Uint8Array) => createSession(model, { provider: 'cpu', directory });
    await assert.rejects(open(Uint8Array.of(1, 2, 3)), failed);
    await assert.rejects(open(scaled(8, 'missing.bin')), failed);
    await assert.rejects(open(scaled(64)), failed);
  });

  it('fails with a coded error on feeds of another shape', async () => {
    const session = await createSession(scaled(8), { provider: 'cpu', directory });
    await assert.rejects(session.run({ x: float32(1, 2, 3) }, { y: float32(0, 0) }), failed);
    await session.close();
  });

  it('has the CPU on board', () => {
    assert.ok(bundledProviders().includes('cpu'));
  });
});

describe('the start probe', () => {
  it('finds that denormal numbers survive here', () => probeDenormals('cpu'));

  it('refuses a runtime that rounds them to zero, on a CPU', async () => {
    const flushing = () => Promise.resolve(0);
    await assert.rejects(probeDenormals('cpu', flushing), (error) => EspalierError.is(error, 'DenormalsFlushed'));
    await probeDenormals('webgpu', flushing);
  });
});
