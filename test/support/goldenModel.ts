import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import type { Base, TensorLocation } from '../../worker/model/base.js';
import { parseModelSpec } from '../../worker/model/config.js';
import { readSafetensorsHeader } from '../../worker/model/safetensors/read.js';
import { readFolder } from '../../worker/model/sources/folder.js';

/** A tensor of a golden file. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array;
}

const folder = (): string => join(packageRoot(), 'test/golden/models');

/** Names of all golden models (test/golden/models.py makes them). */
export const goldenModels = async (): Promise<string[]> => (await readdir(folder())).sort();

/** Tensors of `file` of a golden model, in the type they are stored in. */
export async function goldenTensors(model: string, file: string): Promise<ReadonlyMap<string, GoldenTensor>> {
  const path = join(folder(), model, file);
  const { tensors } = await readSafetensorsHeader(path);
  const content = await readFile(path);
  return new Map(
    [...tensors].map(([name, { dtype, shape, offset, bytes }]) => {
      const buffer = Uint8Array.prototype.slice.call(content, offset, offset + bytes).buffer;
      return [name, { shape, data: new views[dtype as keyof typeof views](buffer) }];
    }),
  );
}

const views = { F32: Float32Array, F64: Float64Array, I32: Int32Array };

/** A golden model as a base: its tensors as float32 in one aligned file of a temporary folder, removed on dispose. */
export async function goldenBase(model: string): Promise<Base & AsyncDisposable> {
  const source = await readFolder(join(folder(), model));
  const directory = await mkdtemp(join(tmpdir(), 'espalier-golden-'));
  const tensors = new Map<string, TensorLocation>();
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, read }] of source.tensors) {
    const data = await read();
    const padded = new Uint8Array(Math.ceil(data.byteLength / 64) * 64);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    tensors.set(name, { file: 'weights.bin', offset, bytes: data.byteLength, shape });
    parts.push(padded);
    offset += padded.length;
  }
  await writeFile(join(directory, 'weights.bin'), Buffer.concat(parts));
  return {
    directory,
    spec: parseModelSpec(source.config),
    tensors,
    sha256: '0'.repeat(64),
    source: model,
    revision: 'golden',
    nameOrPath: model,
    license: null,
    storedAs: source.storedAs,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
