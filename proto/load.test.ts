import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../common/root.js';
import { loadProtos } from './load.js';
import { methodKinds, type ServiceName } from './services.js';

test('the table of services has every method of the .proto files, with its shape, and no other', () => {
  const protos = loadProtos();
  for (const name of Object.keys(methodKinds) as ServiceName[]) {
    const loaded = protos.methods(name).map((method) => {
      const { requestStream, responseStream, originalName } = protos.method(name, method);
      const kind = requestStream
        ? responseStream
          ? 'bidi'
          : 'clientStream'
        : responseStream
          ? 'serverStream'
          : 'unary';
      return [originalName, kind];
    });
    assert.deepEqual(Object.fromEntries(loaded), methodKinds[name]);
  }
});

test('the generated message types are fresh; if not: node proto/generate.mjs', () => {
  const fresh = mkdtempSync(join(tmpdir(), 'espalier-'));
  const run = spawnSync(process.execPath, [join(packageRoot(), 'proto/generate.mjs'), fresh], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  const read = (root: string) =>
    Object.fromEntries(
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .sort()
        .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
    );
  assert.deepEqual(read(join(packageRoot(), 'proto/generated')), read(fresh));
});
