import { fail } from '../../../api/errors.js';
import type { Dim } from './graph.js';

/** Shapes as a text for messages, e.g. `[2, R, 64]`. */
export const shapeText = (shape: readonly Dim[]): string => `[${shape.join(', ')}]`;

export const sameShape = (a: readonly Dim[], b: readonly Dim[]): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis]);

/** Numpy's rule: trailing axes are aligned, 1 stretches. */
export function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    return fail('GraphInvalid', { what: `shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast` });
  });
}

/** Number of elements of a shape without symbols. */
export function sizeOf(shape: readonly Dim[]): number {
  return staticShape(shape).reduce((product, dim) => product * dim, 1);
}

/** The shape as numbers; a symbol is our fault here. */
export function staticShape(shape: readonly Dim[]): number[] {
  return shape.map((dim) =>
    typeof dim === 'number' ? dim : fail('GraphInvalid', { what: `${shapeText(shape)} must not have symbolic sizes` }),
  );
}

/** -1 is the last axis. */
export function normalAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (normal < 0 || normal >= rank) fail('GraphInvalid', { what: `axis ${axis} is outside of rank ${rank}` });
  return normal;
}
