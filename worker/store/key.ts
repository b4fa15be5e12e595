import { fail } from '../../api/errors.js';

/** First segment that the directory store keeps for its own unfinished writes. */
export const reservedSegment = '.espalier-parts';

/**
 * Refuses keys that one of the stores cannot hold or would hold elsewhere: a key must be a plain relative path, so that a
 * folder, an S3 bucket and a copy of either agree on it and nothing is ever written outside the store's root.
 */
export function checkKey(key: string): string {
  const reason = whyInvalid(key);
  return reason === undefined ? key : fail('KeyInvalid', { key, reason });
}

function whyInvalid(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (Buffer.byteLength(key) > 1024) return 'it is longer than 1024 bytes';
  // Control characters cannot stand in the XML of an S3 listing; U+FFFD is what a broken surrogate becomes in UTF-8.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f\ufffd\p{Surrogate}]/u.test(key)) return 'it holds a control or broken character';
  if (key.includes('\\')) return 'it holds a backslash';
  const segments = key.split('/');
  if (segments.some((segment) => segment === '')) return 'it holds an empty segment';
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'it holds a relative segment';
  if (segments[0] === reservedSegment) return `${reservedSegment} is reserved`;
  return undefined;
}
