import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../../api/errors.js';
import type { Weight } from '../ir/graph.js';
import type { Feed } from '../session.js';

export interface WeightReader {
  /** Feeds for these weights; valid until the next call, which reads over them. */
  read(weights: readonly Weight[], nameOf: (index: number) => string): Record<string, Feed>;
  close(): void;
}

/** Reads a layer's weights into one reused buffer; the page cache makes this a copy, not a disk access. */
export function createWeightReader(directory: string): WeightReader {
  const files = new Map<string, number>();
  let buffer = new ArrayBuffer(0);
  const fileOf = (name: string): number => {
    const open = files.get(name) ?? openSync(join(directory, name), 'r');
    files.set(name, open);
    return open;
  };
  return {
    read(weights, nameOf) {
      const offsets: number[] = [];
      let end = 0;
      for (const { location } of weights) {
        offsets.push(end);
        end = aligned(end + location.bytes);
      }
      if (buffer.byteLength < end) buffer = new ArrayBuffer(end);
      return Object.fromEntries(
        weights.map(({ location, name }, i) => {
          const bytes = new Uint8Array(buffer, offsets[i]!, location.bytes);
          const count = readSync(fileOf(location.file), bytes, 0, location.bytes, location.offset);
          if (count !== location.bytes)
            fail('SessionFailed', {
              what: `read ${name}`,
              reason: `${location.file} ended ${location.bytes - count} bytes early`,
            });
          const data = new Float32Array(buffer, offsets[i]!, location.bytes / 4);
          return [nameOf(i), { dtype: 'float32' as const, shape: location.shape, data }];
        }),
      );
    },
    close() {
      for (const file of files.values()) closeSync(file);
      files.clear();
    },
  };
}

/** Inputs start at multiples of 64 bytes. */
const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;
