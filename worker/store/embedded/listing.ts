import type { StoredObject } from '../store.js';
import { answerXml, type Call } from './call.js';
import { refuse } from './failure.js';

/** ListObjectsV2: pages in the order of UTF-8 bytes, with common prefixes when a delimiter is asked for. */
export async function listObjects({ buckets, bucket, query, response }: Call): Promise<void> {
  const store = await buckets.open(bucket);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const limit = limitOf(query.get('max-keys'));
  const token = query.get('continuation-token');
  const after = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString('utf8');
  const objects: StoredObject[] = [];
  for await (const object of store.list(prefix)) objects.push(object);
  const entries = grouped(objects, prefix, delimiter).filter(({ name }) => after === '' || byUtf8(name, after) > 0);
  const page = entries.slice(0, limit);
  const truncated = entries.length > page.length;
  const encoded =
    query.get('encoding-type') === 'url'
      ? (text: string) => encodeURIComponent(text).replaceAll('%2F', '/')
      : (text: string) => text;
  const contents = [];
  for (const { object } of page)
    if (object)
      contents.push({
        Key: encoded(object.key),
        LastModified: (await buckets.modifiedAt(bucket, object.key)).toISOString(),
        ETag: `"${object.etag}"`,
        Size: object.sizeBytes,
        StorageClass: 'STANDARD',
      });
  answerXml(response, 'ListBucketResult', {
    Name: bucket,
    Prefix: encoded(prefix),
    Delimiter: delimiter === '' ? undefined : encoded(delimiter),
    MaxKeys: limit,
    KeyCount: page.length,
    IsTruncated: truncated,
    NextContinuationToken: truncated ? Buffer.from(page.at(-1)?.name ?? '', 'utf8').toString('base64url') : undefined,
    Contents: contents,
    CommonPrefixes: page.filter(({ object }) => !object).map(({ name }) => ({ Prefix: encoded(name) })),
  });
}

interface Entry {
  readonly name: string;
  /** Undefined for a common prefix. */
  readonly object?: StoredObject;
}

function grouped(objects: readonly StoredObject[], prefix: string, delimiter: string): Entry[] {
  const entries = new Map<string, Entry>();
  for (const object of objects) {
    const at = delimiter === '' ? -1 : object.key.indexOf(delimiter, prefix.length);
    const name = at < 0 ? object.key : object.key.slice(0, at + delimiter.length);
    entries.set(name, at < 0 ? { name, object } : { name });
  }
  return [...entries.values()].sort((a, b) => byUtf8(a.name, b.name));
}

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function limitOf(text: string | null): number {
  const limit = text === null ? 1000 : Number(text);
  return Number.isInteger(limit) && limit >= 1
    ? Math.min(limit, 1000)
    : refuse(400, 'InvalidArgument', 'max-keys is no number above 0');
}
