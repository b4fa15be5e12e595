import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readWorkerConfig } from './config.js';

const folder = await mkdtemp(join(tmpdir(), 'worker-config-'));
after(() => rm(folder, { recursive: true, force: true }));

const whole = {
  member: 'worker-0.1',
  recipeHash: 'a'.repeat(64),
  preparedFolder: '/prepared',
  baseFolder: '/base',
  cacheFolder: '/cache',
  workFolder: '/work',
  listen: 'unix:/socket',
  token: 'sixteen-or-longer',
  engines: 2,
  checkpoint: { store: { url: '/checkpoints' }, everySteps: 20, keepLast: 3 },
  output: { store: { url: 's3://models/x', endpoint: 'http://store' }, merged: false },
};

async function read(config: object) {
  const path = join(folder, 'config.json');
  await writeFile(path, JSON.stringify(config));
  return readWorkerConfig(path);
}

test('a whole configuration is read, with what is left out filled in', async () => {
  assert.deepEqual(await read(whole), { ...whole, logLevel: 'info' });
});

test('a configuration of another release is refused, by the names of its fields', async () => {
  await assert.rejects(read({ ...whole, recipeHash: 'short', speed: 1 }), {
    name: 'Internal',
    message: /recipeHash[\s\S]*speed|speed[\s\S]*recipeHash/,
  });
});
