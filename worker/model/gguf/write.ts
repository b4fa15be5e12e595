import { writeFileAtomically } from '../../../common/files.js';
import { elementCount } from '../safetensors/format.js';
import {
  alignUp,
  defaultAlignment,
  type GgufScalar,
  type GgufValue,
  type ScalarType,
  type TensorType,
  tensorTypes,
  valueTypes,
} from './format.js';

export interface GivenGgufTensor {
  readonly name: string;
  readonly type: TensorType;
  /** Row-major, outermost first. */
  readonly shape: readonly number[];
  /** Already in the tensor type's layout, little endian. */
  readonly data: Uint8Array;
}

export interface GgufFile {
  /** Written in this order; `general.architecture` belongs first. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Data lie in this order. */
  readonly tensors: readonly GivenGgufTensor[];
}

/** A whole GGUF file (version 3) in memory: for adapters and tests. */
export function encodeGguf({ metadata, tensors }: GgufFile): Uint8Array<ArrayBuffer> {
  const alignment = Number(metadata.get('general.alignment')?.value ?? defaultAlignment);
  const head: Uint8Array[] = [
    text('GGUF'),
    number('uint32', 3),
    number('uint64', tensors.length),
    number('uint64', metadata.size),
  ];
  for (const [key, value] of metadata) head.push(lengthAndText(key), ...encodeValue(value));
  let end = 0;
  const offsets = tensors.map((tensor) => {
    checkSize(tensor);
    const { name, type, shape, data } = tensor;
    const offset = alignUp(end, alignment);
    end = offset + data.byteLength;
    const dimensions = [...shape].reverse().map((size) => number('uint64', size));
    head.push(lengthAndText(name), number('uint32', shape.length), ...dimensions);
    head.push(number('uint32', tensorTypes[type].id), number('uint64', offset));
    return offset;
  });
  const headBytes = head.reduce((sum, part) => sum + part.byteLength, 0);
  const dataStart = alignUp(headBytes, alignment);
  const file = new Uint8Array(dataStart + alignUp(end, alignment));
  let position = 0;
  for (const part of head) {
    file.set(part, position);
    position += part.byteLength;
  }
  for (const [index, tensor] of tensors.entries()) file.set(tensor.data, dataStart + offsets[index]!);
  return file;
}

export const writeGguf = (path: string, file: GgufFile): Promise<void> => writeFileAtomically(path, encodeGguf(file));

function checkSize({ name, type, shape, data }: GivenGgufTensor): void {
  const { block, bytes } = tensorTypes[type];
  const needed = (elementCount(shape) / block) * bytes;
  if (data.byteLength !== needed)
    throw new Error(`tensor ${name} has ${data.byteLength} bytes, ${type} [${shape.join(', ')}] needs ${needed}`);
}

function encodeValue(value: GgufValue): Uint8Array[] {
  if (value.type !== 'array') return [typeId(value.type), encodeScalar(value.type, value.value)];
  const items = value.value.map((item) => encodeScalar(value.of, item));
  return [typeId('array'), typeId(value.of), number('uint64', items.length), ...items];
}

const typeId = (type: (typeof valueTypes)[number]): Uint8Array => number('uint32', valueTypes.indexOf(type));

function encodeScalar(type: ScalarType, value: GgufScalar): Uint8Array {
  if (type === 'string') return lengthAndText(String(value));
  if (type === 'bool') return Uint8Array.of(value ? 1 : 0);
  if (typeof value === 'string' || typeof value === 'boolean') throw new Error(`${value} is no ${type}`);
  return number(type, value);
}

type NumberType = Exclude<ScalarType, 'string' | 'bool'>;

function number(type: NumberType, value: number | bigint): Uint8Array {
  const { bytes, set } = numberWriters[type];
  const view = new DataView(new ArrayBuffer(bytes));
  set(view, value);
  return new Uint8Array(view.buffer);
}

const numberWriters: Record<NumberType, { bytes: number; set: (view: DataView, value: number | bigint) => void }> = {
  uint8: { bytes: 1, set: (view, value) => view.setUint8(0, Number(value)) },
  int8: { bytes: 1, set: (view, value) => view.setInt8(0, Number(value)) },
  uint16: { bytes: 2, set: (view, value) => view.setUint16(0, Number(value), true) },
  int16: { bytes: 2, set: (view, value) => view.setInt16(0, Number(value), true) },
  uint32: { bytes: 4, set: (view, value) => view.setUint32(0, Number(value), true) },
  int32: { bytes: 4, set: (view, value) => view.setInt32(0, Number(value), true) },
  float32: { bytes: 4, set: (view, value) => view.setFloat32(0, Number(value), true) },
  float64: { bytes: 8, set: (view, value) => view.setFloat64(0, Number(value), true) },
  uint64: { bytes: 8, set: (view, value) => view.setBigUint64(0, BigInt(value), true) },
  int64: { bytes: 8, set: (view, value) => view.setBigInt64(0, BigInt(value), true) },
};

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function lengthAndText(value: string): Uint8Array {
  const bytes = text(value);
  const out = new Uint8Array(8 + bytes.byteLength);
  out.set(number('uint64', bytes.byteLength));
  out.set(bytes, 8);
  return out;
}
