import { fail } from '../../api/errors.js';
import type { Adapter } from './adapter.js';

/**
 * Refuses what would load everywhere and do nothing or harm: an adapter without tensors, with NaN or infinite values, or
 * equal in every bit to `initial`.
 * @param name the job's, for messages.
 */
export function checkTrained(name: string, trained: Adapter, initial: Adapter): void {
  if (trained.tensors.size === 0) fail('AdapterEmpty', { name });
  checkFinite(trained);
  const moved = [...trained.tensors].some(([key, { data }]) => {
    const before = initial.tensors.get(key)?.data;
    return !before || before.length !== data.length || !bytes(before).equals(bytes(data));
  });
  if (!moved) fail('AdapterUnchanged', { name });
}

export function checkFinite({ tensors }: Adapter): void {
  const broken = [...tensors]
    .map(([name, { data }]) => ({
      name,
      count: data.reduce((sum, value) => sum + (Number.isFinite(value) ? 0 : 1), 0),
    }))
    .filter(({ count }) => count > 0);
  if (broken.length > 0)
    fail('AdapterNotFinite', {
      tensors: broken.map(({ name }) => name),
      values: broken.reduce((sum, { count }) => sum + count, 0),
    });
}

const bytes = (data: Float32Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
