/** Writes the protobuf wire format (protobuf.dev/programming-guides/encoding): the few kinds that ONNX needs. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];

  bytes(field: number, data: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(data.length);
    this.#parts.push(data);
    return this;
  }

  text(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value));
  }

  message(field: number, write: (writer: WireWriter) => void): this {
    const inner = new WireWriter();
    write(inner);
    return this.bytes(field, inner.finish());
  }

  /** int64 and enums; negative numbers take ten bytes, as the format says. */
  int(field: number, value: number): this {
    this.#varint(field * 8);
    this.#varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#parts.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  packedInts(field: number, values: readonly number[]): this {
    const inner = new WireWriter();
    for (const value of values) inner.#varint(value);
    return this.bytes(field, inner.finish());
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.#parts.reduce((size, part) => size + part.length, 0));
    let offset = 0;
    for (const part of this.#parts) {
      out.set(part, offset);
      offset += part.length;
    }
    return out;
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    if (value >= 0) for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    else {
      // Two's complement in 64 bits: nine groups of seven, then the top bit.
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
      value = Number(rest);
    }
    bytes.push(value);
    this.#parts.push(Uint8Array.from(bytes));
  }
}

const utf8 = new TextEncoder();
