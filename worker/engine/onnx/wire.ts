import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Messages in the protobuf wire format, field by field: the few kinds of fields that ONNX needs. */
export class WireWriter {
  readonly #writer = new BinaryWriter();

  bytes(field: number, data: Uint8Array): this {
    this.#writer.tag(field, WireType.LengthDelimited).bytes(data);
    return this;
  }

  text(field: number, value: string): this {
    this.#writer.tag(field, WireType.LengthDelimited).string(value);
    return this;
  }

  message(field: number, write: (writer: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  /** int64 and enums. */
  int(field: number, value: number): this {
    this.#writer.tag(field, WireType.Varint).int64(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#writer.tag(field, WireType.Bit32).float(value);
    return this;
  }

  packedInts(field: number, values: readonly number[]): this {
    const inner = new BinaryWriter();
    for (const value of values) inner.int64(value);
    return this.bytes(field, inner.finish());
  }

  finish(): Uint8Array {
    return this.#writer.finish();
  }
}
