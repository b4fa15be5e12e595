import { canonicalJson, sha256 } from '../../common/hash.js';
import { isObject } from './fields.js';

/** JSON that carries a hash of itself: a flipped bit shows, as a file cut short does. */
export function seal(content: object): string {
  return `${JSON.stringify({ ...content, checksum: sha256(canonicalJson(content)) }, null, 1)}\n`;
}

/** The content of a sealed text; undefined when it is not what was sealed. */
export function unseal<Content extends object>(text: string): Content | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { checksum, ...content } = value;
  return checksum === sha256(canonicalJson(content)) ? (content as Content) : undefined;
}
