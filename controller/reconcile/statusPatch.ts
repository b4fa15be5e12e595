import { canonicalJson } from '../../common/hash.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The RFC 7386 merge patch from `before` to `after`: null where a field goes, lists whole. What both do not have is left as it
 * is. Undefined where nothing changes.
 */
export function mergePatch(before: Fields, after: Fields): Fields | undefined {
  const patch: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    if (is === undefined) {
      if (was !== undefined) patch[name] = null;
    } else if (isObject(was) && isObject(is)) {
      const inner = mergePatch(was, is);
      if (inner) patch[name] = inner;
    } else if (was === undefined || canonicalJson(was) !== canonicalJson(is)) patch[name] = is;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
