import { fail } from '../../../api/errors.js';
import { openWeights } from '../openWeights.js';
import { readInto } from '../safetensors/bytes.js';
import { elementCount } from '../safetensors/format.js';
import { Cursor, NeedMoreBytes } from './cursor.js';
import { dequantise } from './dequantise.js';
import {
  alignUp,
  defaultAlignment,
  type Gguf,
  type GgufTensor,
  type GgufValue,
  magic,
  mostDimensions,
  otherTensorTypes,
  type TensorType,
  tensorTypes,
} from './format.js';

/** Most models keep metadata and tensor list within this; longer heads are read again with a larger window. */
const firstWindowBytes = 8 * 2 ** 20;

/**
 * Reads and checks everything of a GGUF file (version 2 or 3, little endian) but the tensors' data. As in ggml, tensors
 * must lie in the order of their list, each at the next multiple of the alignment. Whatever lies is `GgufInvalid`.
 */
export async function readGguf(path: string): Promise<Gguf> {
  const handle = await openWeights(path);
  try {
    const { size } = await handle.stat();
    let windowBytes = Math.min(size, firstWindowBytes);
    for (;;) {
      const window = new Uint8Array(windowBytes);
      await readInto(handle, window, 0);
      try {
        return parseGguf(path, window, size);
      } catch (error) {
        if (!(error instanceof NeedMoreBytes)) throw error;
        windowBytes = Math.min(size, Math.max(error.bytes, windowBytes * 4));
      }
    }
  } finally {
    await handle.close();
  }
}

/** `window` = the first bytes of a file of `sizeBytes`; throws `NeedMoreBytes` when they end too early. */
export function parseGguf(path: string, window: Uint8Array, sizeBytes: number): Gguf {
  const cursor = new Cursor(path, window, sizeBytes);
  const version = readPreamble(path, cursor);
  // A tensor's entry takes at least 8 (name) + 4 (dimensions) + 4 (type) + 8 (offset), a key 8 + 4 + 1 bytes.
  const tensorCount = cursor.count('tensor count', 24);
  const keyCount = cursor.count('metadata count', 13);
  const metadata = readMetadata(path, cursor, keyCount);
  const alignment = readAlignment(path, metadata);
  const infos = Array.from({ length: tensorCount }, () => readTensorInfo(path, cursor));
  const tensors = placeTensors(path, infos, alignUp(cursor.position, alignment), alignment, sizeBytes);
  return { path, version, sizeBytes, metadata, tensors };
}

function readPreamble(path: string, cursor: Cursor): number {
  const found = cursor.uint32('magic');
  if (found !== magic)
    fail('GgufInvalid', {
      file: path,
      item: null,
      rule: 'magic',
      stated: `0x${found.toString(16)}`,
      allowed: '0x46554747 (GGUF)',
    });
  const version = cursor.uint32('version');
  // A big-endian file shows its small version number in the high bytes.
  if (version !== 2 && version !== 3)
    fail('GgufInvalid', { file: path, item: null, rule: 'version', stated: version, allowed: '2 or 3, little endian' });
  return version;
}

function readMetadata(path: string, cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < count; index++) {
    const key = cursor.string(`metadata key ${index}`);
    if (metadata.has(key)) fail('GgufInvalid', { file: path, item: key, rule: 'duplicate', stated: 2, allowed: 1 });
    metadata.set(key, cursor.value(key));
  }
  return metadata;
}

function readAlignment(path: string, metadata: ReadonlyMap<string, GgufValue>): number {
  const stated = metadata.get('general.alignment');
  if (stated === undefined) return defaultAlignment;
  const { value } = stated;
  const fits = stated.type === 'uint32' && typeof value === 'number' && value >= 1 && (value & (value - 1)) === 0;
  if (!fits)
    fail('GgufInvalid', {
      file: path,
      item: 'general.alignment',
      rule: 'value',
      stated: String(value),
      allowed: 'a power of two (uint32)',
    });
  return value as number;
}

type TensorInfo = Omit<GgufTensor, 'offset'> & { readonly relativeOffset: number };

function readTensorInfo(path: string, cursor: Cursor): TensorInfo {
  const name = cursor.string('tensor name');
  const item = `tensor ${name}`;
  const dimensions = cursor.uint32(item);
  if (dimensions > mostDimensions)
    fail('GgufInvalid', {
      file: path,
      item,
      rule: 'dimensions',
      stated: dimensions,
      allowed: `at most ${mostDimensions}`,
    });
  const shape = Array.from({ length: dimensions }, () => cursor.uint64(item)).reverse();
  const type = tensorType(path, name, cursor.uint32(item));
  const relativeOffset = cursor.uint64(item);
  const { block, bytes } = tensorTypes[type];
  const elements = elementCount(shape);
  const inner = shape.at(-1) ?? 1;
  if (!(elements * bytes <= Number.MAX_SAFE_INTEGER) || elements === 0 || inner % block !== 0)
    fail('GgufInvalid', {
      file: path,
      item,
      rule: 'dimensions',
      stated: `[${shape.join(', ')}]`,
      allowed: `sizes >= 1, fewer than 2^53 bytes, rows in multiples of ${block} (${type})`,
    });
  return { name, type, shape, relativeOffset, bytes: (elements / block) * bytes };
}

function tensorType(path: string, tensor: string, id: number): TensorType {
  const found = Object.entries(tensorTypes).find(([, { id: known }]) => known === id);
  if (found) return found[0] as TensorType;
  const type = otherTensorTypes[id] ?? `type ${id}`;
  return fail('GgufTypeUnsupported', { file: path, tensor, type, supported: Object.keys(tensorTypes) });
}

function placeTensors(
  path: string,
  infos: readonly TensorInfo[],
  dataStart: number,
  alignment: number,
  sizeBytes: number,
): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  let expected = 0;
  for (const { relativeOffset, ...tensor } of infos) {
    const item = `tensor ${tensor.name}`;
    if (tensors.has(tensor.name)) fail('GgufInvalid', { file: path, item, rule: 'duplicate', stated: 2, allowed: 1 });
    if (relativeOffset !== expected)
      fail('GgufInvalid', { file: path, item, rule: 'offset', stated: relativeOffset, allowed: expected });
    const offset = dataStart + relativeOffset;
    if (offset + tensor.bytes > sizeBytes)
      fail('GgufInvalid', { file: path, item, rule: 'beyondFile', stated: offset + tensor.bytes, allowed: sizeBytes });
    tensors.set(tensor.name, { ...tensor, offset });
    expected = alignUp(relativeOffset + tensor.bytes, alignment);
  }
  return tensors;
}

/** A tensor's data as float32, row-major. */
export async function readGgufTensor(path: string, tensor: GgufTensor): Promise<Float32Array<ArrayBuffer>> {
  const handle = await openWeights(path);
  try {
    const raw = new Uint8Array(tensor.bytes);
    const read = await readInto(handle, raw, tensor.offset);
    if (read !== tensor.bytes)
      fail('GgufInvalid', {
        file: path,
        item: `tensor ${tensor.name}`,
        rule: 'beyondFile',
        stated: tensor.offset + tensor.bytes,
        allowed: tensor.offset + read,
      });
    return dequantise(tensor.type, raw);
  } finally {
    await handle.close();
  }
}
