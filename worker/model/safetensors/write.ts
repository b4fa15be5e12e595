import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../../../common/files.js';
import { byCodeUnit } from '../../../common/hash.js';
import { bytesOf, writeAll } from './bytes.js';
import { alignmentBytes, type Dtype, dtypeBytes, elementCount, type TensorEntry } from './format.js';

export interface DeclaredTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface GivenTensor extends DeclaredTensor {
  readonly data: ArrayBufferView;
}

export interface SafetensorsLayout {
  /** Length prefix and JSON, padded with spaces so that data start at a multiple of 64. */
  readonly header: Uint8Array;
  /** In the order of their data: by name, in code units. */
  readonly entries: readonly TensorEntry[];
  readonly sizeBytes: number;
}

/**
 * Places tensors: metadata first, then names in code-unit order, data contiguous in that order (the format allows no gap).
 * Every tensor whose predecessors are multiples of 64 bytes starts at a multiple of 64.
 */
export function layoutSafetensors(
  tensors: readonly DeclaredTensor[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const sorted = [...tensors].sort((a, b) => byCodeUnit(a.name, b.name));
  const json: string[] = [];
  if (Object.keys(metadata).length > 0) json.push(`"__metadata__":${JSON.stringify(sortKeys(metadata))}`);
  let end = 0;
  const relative = sorted.map(({ name, dtype, shape }, index) => {
    if (name === '__metadata__' || name === sorted[index - 1]?.name) throw new Error(`tensor name ${name} is taken`);
    const bytes = elementCount(shape) * dtypeBytes[dtype];
    const begin = end;
    end += bytes;
    json.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`);
    return { name, dtype, shape, offset: begin, bytes };
  });
  const text = new TextEncoder().encode(`{${json.join(',')}}`);
  const dataStart = Math.ceil((8 + text.byteLength) / alignmentBytes) * alignmentBytes;
  const header = new Uint8Array(dataStart).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  header.set(text, 8);
  const entries = relative.map((entry) => ({ ...entry, offset: dataStart + entry.offset }));
  return { header, entries, sizeBytes: dataStart + end };
}

/** A whole file in memory, for adapters and other small ones. The bytes depend on the tensors and metadata only. */
export function encodeSafetensors(file: {
  readonly tensors: readonly GivenTensor[];
  readonly metadata?: Readonly<Record<string, string>>;
}): Uint8Array<ArrayBuffer> {
  const { header, entries, sizeBytes } = layoutSafetensors(file.tensors, file.metadata);
  const given = new Map(file.tensors.map((tensor) => [tensor.name, tensor.data]));
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(header);
  for (const entry of entries) bytes.set(checkedBytes(entry, given.get(entry.name)!), entry.offset);
  return bytes;
}

export interface WrittenSafetensors {
  readonly entries: readonly TensorEntry[];
  readonly sizeBytes: number;
  /** SHA-256 of the whole file. */
  readonly sha256: string;
}

/**
 * Writes a file of any size with one tensor in memory: `produce` is asked for each tensor in the order of the file.
 * Readers see nothing or all of it (temporary name, fsync, rename).
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly DeclaredTensor[],
  produce: (tensor: TensorEntry) => ArrayBufferView | Promise<ArrayBufferView>,
  options: { readonly metadata?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
): Promise<WrittenSafetensors> {
  const { header, entries, sizeBytes } = layoutSafetensors(tensors, options.metadata);
  const hash = createHash('sha256').update(header);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await writeAll(handle, header);
      for (const entry of entries) {
        options.signal?.throwIfAborted();
        const data = checkedBytes(entry, await produce(entry));
        hash.update(data);
        await writeAll(handle, data);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return { entries, sizeBytes, sha256: hash.digest('hex') };
}

function checkedBytes(entry: TensorEntry, data: ArrayBufferView): Uint8Array {
  if (data.byteLength !== entry.bytes)
    throw new Error(`tensor ${entry.name} has ${data.byteLength} bytes, its declaration asks for ${entry.bytes}`);
  return bytesOf(data);
}

const sortKeys = (record: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => byCodeUnit(a, b)));
