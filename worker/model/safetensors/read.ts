import { fail } from '../../../api/errors.js';
import { byCodeUnit } from '../../../common/hash.js';
import { openWeights } from '../openWeights.js';
import { readInto } from './bytes.js';
import {
  dtypeBytes,
  elementCount,
  headerLimitBytes,
  isDtype,
  type SafetensorsHeader,
  type TensorEntry,
} from './format.js';
import { bfloat16ToFloat32, float16ToFloat32 } from './half.js';

/**
 * Reads and checks the header of a safetensors file: length, JSON, dtypes, shapes, and that the tensors' data cover the
 * rest of the file without gap or overlap. Whatever lies is refused as `SafetensorsInvalid`, naming tensor and numbers.
 */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  const handle = await openWeights(path);
  try {
    const { size } = await handle.stat();
    if (size < 8) fail('SafetensorsInvalid', { file: path, tensor: null, rule: 'tooShort', stated: size, allowed: 8 });
    const prefix = new Uint8Array(8);
    await readInto(handle, prefix, 0);
    const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
    const allowed = Math.min(size - 8, headerLimitBytes);
    if (length > allowed)
      fail('SafetensorsInvalid', { file: path, tensor: null, rule: 'headerLength', stated: length, allowed });
    const header = new Uint8Array(length);
    await readInto(handle, header, 8);
    return parseHeader(path, size, header);
  } finally {
    await handle.close();
  }
}

/** Header bytes (without the length prefix) of a file of `sizeBytes`. */
export function parseHeader(path: string, sizeBytes: number, header: Uint8Array): SafetensorsHeader {
  const dataStart = 8 + header.byteLength;
  const { __metadata__: stated, ...rest } = parseJson(path, header);
  const tensors = Object.entries(rest).map(([name, value]) => parseEntry(path, name, value, dataStart));
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes || byCodeUnit(a.name, b.name));
  checkCover(path, tensors, dataStart, sizeBytes);
  return {
    path,
    sizeBytes,
    dataStart,
    metadata: parseMetadata(path, stated),
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
  };
}

function parseJson(path: string, header: Uint8Array): Record<string, unknown> {
  const invalid = (why: string, cause?: unknown): never =>
    fail(
      'SafetensorsInvalid',
      { file: path, tensor: null, rule: 'headerJson', stated: why, allowed: 'a JSON object' },
      { cause },
    );
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header));
    return isObject(value) ? value : invalid('another JSON value');
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return invalid(error.message, error);
    throw error;
  }
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {};
  const strings = isObject(value) && Object.values(value).every((item) => typeof item === 'string');
  if (!strings)
    fail('SafetensorsInvalid', {
      file: path,
      tensor: null,
      rule: 'metadata',
      stated: JSON.stringify(value).slice(0, 80),
      allowed: 'text values',
    });
  return value as Record<string, string>;
}

function parseEntry(path: string, name: string, value: unknown, dataStart: number): TensorEntry {
  const invalid = (
    rule: 'entry' | 'dtype' | 'shape' | 'offsets' | 'bytes',
    stated: unknown,
    allowed: string | number,
  ): never => fail('SafetensorsInvalid', { file: path, tensor: name, rule, stated: show(stated), allowed });
  if (!isObject(value)) return invalid('entry', value, 'an object');
  const { dtype, shape, data_offsets: offsets, ...unknown } = value;
  const [extra] = Object.keys(unknown);
  if (extra !== undefined) return invalid('entry', extra, 'dtype, shape and data_offsets only');
  if (!isDtype(dtype)) return invalid('dtype', dtype, Object.keys(dtypeBytes).join(', '));
  if (!isCounts(shape)) return invalid('shape', shape, 'a list of sizes >= 0');
  if (!isCounts(offsets) || offsets.length !== 2) return invalid('offsets', offsets, 'two offsets >= 0');
  const [begin, end] = offsets as [number, number];
  const bytes = elementCount(shape) * dtypeBytes[dtype];
  if (!Number.isSafeInteger(bytes)) return invalid('shape', shape, 'fewer than 2^53 bytes');
  if (end - begin !== bytes) return invalid('bytes', end - begin, `${bytes} (${dtype} [${shape.join(', ')}])`);
  return { name, dtype, shape, offset: dataStart + begin, bytes };
}

/** `tensors` sorted by offset must tile [dataStart, sizeBytes). */
function checkCover(path: string, tensors: readonly TensorEntry[], dataStart: number, sizeBytes: number): void {
  let end = dataStart;
  for (const { name, offset, bytes } of tensors) {
    if (offset !== end) {
      const rule = offset < end ? 'overlap' : 'gap';
      fail('SafetensorsInvalid', {
        file: path,
        tensor: name,
        rule,
        stated: offset - dataStart,
        allowed: end - dataStart,
      });
    }
    end = offset + bytes;
    if (end > sizeBytes)
      fail('SafetensorsInvalid', { file: path, tensor: name, rule: 'beyondFile', stated: end, allowed: sizeBytes });
  }
  if (end !== sizeBytes)
    fail('SafetensorsInvalid', { file: path, tensor: null, rule: 'trailing', stated: sizeBytes, allowed: end });
}

export type TensorData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** A tensor as stored: F16 and BF16 come as their 16-bit words, BOOL as bytes. */
export async function readTensor(path: string, entry: TensorEntry): Promise<TensorData> {
  const buffer = await readTensorBytes(path, entry);
  return views[entry.dtype](buffer);
}

/** A floating-point tensor as float32 (F64 rounded); other dtypes are refused. */
export async function readTensorAsFloat32(path: string, entry: TensorEntry): Promise<Float32Array<ArrayBuffer>> {
  const { dtype, name } = entry;
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16' && dtype !== 'F64')
    fail('SafetensorsInvalid', {
      file: path,
      tensor: name,
      rule: 'dtype',
      stated: dtype,
      allowed: 'F32, F16, BF16 or F64',
    });
  const buffer = await readTensorBytes(path, entry);
  if (dtype === 'F32') return new Float32Array(buffer);
  if (dtype === 'F64') return Float32Array.from(new Float64Array(buffer));
  return dtype === 'F16' ? float16ToFloat32(new Uint16Array(buffer)) : bfloat16ToFloat32(new Uint16Array(buffer));
}

async function readTensorBytes(path: string, { name, offset, bytes }: TensorEntry): Promise<ArrayBuffer> {
  const handle = await openWeights(path);
  try {
    const buffer = new ArrayBuffer(bytes);
    const read = await readInto(handle, new Uint8Array(buffer), offset);
    if (read !== bytes)
      fail('SafetensorsInvalid', {
        file: path,
        tensor: name,
        rule: 'beyondFile',
        stated: offset + bytes,
        allowed: offset + read,
      });
    return buffer;
  } finally {
    await handle.close();
  }
}

const views: Record<TensorEntry['dtype'], (buffer: ArrayBuffer) => TensorData> = {
  F64: (buffer) => new Float64Array(buffer),
  I64: (buffer) => new BigInt64Array(buffer),
  F32: (buffer) => new Float32Array(buffer),
  I32: (buffer) => new Int32Array(buffer),
  F16: (buffer) => new Uint16Array(buffer),
  BF16: (buffer) => new Uint16Array(buffer),
  I8: (buffer) => new Int8Array(buffer),
  U8: (buffer) => new Uint8Array(buffer),
  BOOL: (buffer) => new Uint8Array(buffer),
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

const show = (value: unknown): string | number =>
  typeof value === 'number' ? value : (JSON.stringify(value) ?? 'nothing').slice(0, 80);
