import { fail } from '../../../api/errors.js';
import { type GgufScalar, type GgufValue, type ScalarType, type ValueType, valueTypes } from './format.js';

/** Thrown when the bytes read so far end inside a value: the caller reads more of the file and starts again. */
export class NeedMoreBytes extends Error {
  constructor(readonly bytes: number) {
    super(`${bytes} bytes needed`);
  }
}

/** Walks the head of a GGUF file. Every count is checked against the file's size before anything is allocated. */
export class Cursor {
  readonly #view: DataView;
  readonly #text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  position = 0;

  constructor(
    private readonly path: string,
    private readonly window: Uint8Array,
    private readonly sizeBytes: number,
  ) {
    this.#view = new DataView(window.buffer, window.byteOffset, window.byteLength);
  }

  /** Reserves `bytes` and returns where they start. */
  take(bytes: number, item: string | null): number {
    const start = this.position;
    const end = start + bytes;
    if (end > this.sizeBytes)
      fail('GgufInvalid', { file: this.path, item, rule: 'truncated', stated: end, allowed: this.sizeBytes });
    if (end > this.window.byteLength) throw new NeedMoreBytes(end);
    this.position = end;
    return start;
  }

  uint32(item: string | null): number {
    return this.#view.getUint32(this.take(4, item), true);
  }

  /** A 64-bit count of items that take at least `itemBytes` each. */
  count(item: string | null, itemBytes: number): number {
    const stated = this.#view.getBigUint64(this.take(8, item), true);
    const allowed = Math.floor((this.sizeBytes - this.position) / itemBytes);
    if (stated > BigInt(allowed))
      fail('GgufInvalid', { file: this.path, item, rule: 'count', stated: String(stated), allowed });
    return Number(stated);
  }

  uint64(item: string | null): number {
    const stated = this.#view.getBigUint64(this.take(8, item), true);
    if (stated > BigInt(Number.MAX_SAFE_INTEGER))
      fail('GgufInvalid', { file: this.path, item, rule: 'value', stated: String(stated), allowed: 'less than 2^53' });
    return Number(stated);
  }

  string(item: string | null): string {
    const length = this.count(item, 1);
    const start = this.take(length, item);
    try {
      return this.#text.decode(this.window.subarray(start, start + length));
    } catch (cause) {
      return fail(
        'GgufInvalid',
        { file: this.path, item, rule: 'text', stated: 'bytes that are not UTF-8', allowed: 'UTF-8' },
        { cause },
      );
    }
  }

  value(key: string): GgufValue {
    const type = this.#valueType(key);
    if (type !== 'array') return { type, value: this.#scalar(type, key) };
    const of = this.#valueType(key);
    if (of === 'array')
      fail('GgufInvalid', {
        file: this.path,
        item: key,
        rule: 'valueType',
        stated: 'array of arrays',
        allowed: 'an array of scalars',
      });
    const length = this.count(key, scalarBytes[of]);
    const value: GgufScalar[] = [];
    for (let index = 0; index < length; index++) value.push(this.#scalar(of, key));
    return { type, of, value };
  }

  #valueType(key: string): ValueType {
    const id = this.uint32(key);
    const type = valueTypes[id];
    return (
      type ??
      fail('GgufInvalid', {
        file: this.path,
        item: key,
        rule: 'valueType',
        stated: id,
        allowed: `0 to ${valueTypes.length - 1}`,
      })
    );
  }

  #scalar(type: ScalarType, key: string): GgufScalar {
    if (type === 'string') return this.string(key);
    const at = this.take(scalarBytes[type], key);
    switch (type) {
      case 'uint8':
        return this.#view.getUint8(at);
      case 'int8':
        return this.#view.getInt8(at);
      case 'uint16':
        return this.#view.getUint16(at, true);
      case 'int16':
        return this.#view.getInt16(at, true);
      case 'uint32':
        return this.#view.getUint32(at, true);
      case 'int32':
        return this.#view.getInt32(at, true);
      case 'float32':
        return this.#view.getFloat32(at, true);
      case 'float64':
        return this.#view.getFloat64(at, true);
      case 'uint64':
        return narrow(this.#view.getBigUint64(at, true));
      case 'int64':
        return narrow(this.#view.getBigInt64(at, true));
      case 'bool':
        return this.#bool(this.#view.getUint8(at), key);
    }
  }

  #bool(byte: number, key: string): boolean {
    if (byte > 1)
      fail('GgufInvalid', { file: this.path, item: key, rule: 'value', stated: byte, allowed: '0 or 1 (a bool)' });
    return byte === 1;
  }
}

/** Bytes of a scalar; the least a string can take. */
export const scalarBytes: Readonly<Record<ScalarType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  uint64: 8,
  int64: 8,
  float64: 8,
};

const narrow = (value: bigint): number | bigint =>
  BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
