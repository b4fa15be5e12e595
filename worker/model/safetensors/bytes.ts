import type { FileHandle } from 'node:fs/promises';

/** One system call moves at most this much: Linux and Node both cap at 2 GiB. */
const callBytes = 256 * 2 ** 20;

/** Fills `target` from `position`; returns how many bytes the file had. */
export async function readInto(handle: FileHandle, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.byteLength) {
    const length = Math.min(callBytes, target.byteLength - done);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes all of `data` at the handle's own position. */
export async function writeAll(handle: FileHandle, data: Uint8Array): Promise<void> {
  let done = 0;
  while (done < data.byteLength) {
    const { bytesWritten } = await handle.write(data, done, Math.min(callBytes, data.byteLength - done));
    done += bytesWritten;
  }
}

/** The bytes behind any typed array, without a copy. */
export const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
