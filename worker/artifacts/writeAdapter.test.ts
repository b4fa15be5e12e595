import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { anAdapter } from '../../test/support/anAdapter.js';
import { aSpec } from '../../test/support/aSpec.js';
import { adapterFile, verifyAdapterFile, writeAdapter } from './writeAdapter.js';

const spec = aSpec();
const base = { spec, nameOrPath: 'owner/name', revision: null };

const folder = await mkdtemp(join(tmpdir(), 'espalier-adapter-'));
after(() => rm(folder, { recursive: true }));

test('what was written is read back: other keys, shapes or bytes are an error that names them', async () => {
  const adapter = anAdapter(spec);
  const digest = await writeAdapter(folder, adapter, base);
  const path = join(folder, adapterFile);
  await verifyAdapterFile(path, adapter, digest);
  const cases = [
    { expected: anAdapter(spec, { targets: ['q_proj'] }), hash: digest, what: /keys are missing|are there/ },
    { expected: anAdapter(spec, { rank: 2 }), hash: digest, what: /has shape \[4,\d+\] instead of \[2,\d+\]/ },
    { expected: adapter, hash: 'f'.repeat(64), what: /its SHA-256 is/ },
  ];
  for (const { expected, hash, what } of cases)
    await assert.rejects(verifyAdapterFile(path, expected, hash), { name: 'ExportBroken', message: what });
});
