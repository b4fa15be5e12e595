import { createHash, randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bodyChunks } from '../body.js';
import { refuse } from './failure.js';

/** Bytes on their way into a bucket: single bodies, and the parts of multipart uploads. */
export interface Uploads {
  /** Receives a body into a temporary file, hands it to `use`, and removes it. */
  receive<T>(body: AsyncIterable<Uint8Array>, use: (file: string) => Promise<T>): Promise<T>;
  begin(bucket: string, key: string): Promise<string>;
  /** @returns the part's etag. */
  part(upload: UploadAddress, number: number, body: AsyncIterable<Uint8Array>): Promise<string>;
  /** Joins the parts and hands the file to `use`; the upload ends when that returns true. */
  complete(
    upload: UploadAddress,
    parts: readonly CompletedPart[],
    use: (file: string) => Promise<boolean>,
  ): Promise<void>;
  abandon(upload: UploadAddress): Promise<void>;
}

export interface UploadAddress {
  readonly id: string;
  readonly bucket: string;
  readonly key: string;
}

export interface CompletedPart {
  readonly number: number;
  readonly etag: string;
}

const leastPartBytes = 5 << 20;

export function uploadsIn(root: string): Uploads {
  const folder = join(root, '.espalier-uploads');

  /** The upload's folder, if it is one of this object. */
  async function opened({ id, bucket, key }: UploadAddress): Promise<string> {
    const gone = () => refuse(404, 'NoSuchUpload', 'there is no such upload');
    if (!/^[0-9a-f]{32}$/.test(id)) gone();
    const described = await readFile(join(folder, id, 'object.json'), 'utf8').catch(gone);
    const object = JSON.parse(described) as { bucket: string; key: string };
    if (object.bucket !== bucket || object.key !== key) gone();
    return join(folder, id);
  }

  async function receiveInto(path: string, body: AsyncIterable<Uint8Array>): Promise<string> {
    const hash = createHash('sha256');
    const file = await open(path, 'wx');
    try {
      for await (const chunk of body) {
        hash.update(chunk);
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
    return hash.digest('hex');
  }

  return {
    async receive(body, use) {
      await mkdir(folder, { recursive: true });
      const path = join(folder, `body-${randomBytes(16).toString('hex')}`);
      try {
        await receiveInto(path, body);
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },

    async begin(bucket, key) {
      const id = randomBytes(16).toString('hex');
      await mkdir(join(folder, id), { recursive: true });
      await writeFile(join(folder, id, 'object.json'), JSON.stringify({ bucket, key }));
      return id;
    },

    async part(upload, number, body) {
      const place = await opened(upload);
      if (!(number >= 1 && number <= 10_000)) refuse(400, 'InvalidArgument', 'part numbers run from 1 to 10000');
      const temporary = join(place, `receiving-${randomBytes(8).toString('hex')}`);
      try {
        const etag = await receiveInto(temporary, body);
        // A part that is sent again replaces the first; the hash stands beside it in the name's file.
        await rename(temporary, join(place, `part-${number}`));
        await writeFile(join(place, `etag-${number}`), etag);
        return etag;
      } finally {
        await rm(temporary, { force: true });
      }
    },

    async complete(upload, parts, use) {
      const place = await opened(upload);
      await checkParts(place, parts);
      const whole = join(place, `whole-${randomBytes(8).toString('hex')}`);
      try {
        for (const { number } of parts)
          for await (const chunk of bodyChunks({ file: join(place, `part-${number}`) })) await appendFile(whole, chunk);
        if (await use(whole)) await rm(place, { recursive: true, force: true });
      } finally {
        await rm(whole, { force: true });
      }
    },

    async abandon(upload) {
      await rm(await opened(upload), { recursive: true, force: true });
    },
  };
}

async function checkParts(place: string, parts: readonly CompletedPart[]): Promise<void> {
  if (parts.length === 0) refuse(400, 'MalformedXML', 'an upload is completed with at least one part');
  for (const [index, { number, etag }] of parts.entries()) {
    const before = parts[index - 1];
    if (before && before.number >= number) refuse(400, 'InvalidPartOrder', 'the parts are not in ascending order');
    const stored = Number.isInteger(number)
      ? await readFile(join(place, `etag-${number}`), 'utf8').catch(() => undefined)
      : undefined;
    if (stored === undefined || stored !== etag)
      refuse(400, 'InvalidPart', `part ${number} is not there or is another one`);
    if (index < parts.length - 1 && (await stat(join(place, `part-${number}`))).size < leastPartBytes)
      refuse(400, 'EntityTooSmall', 'every part but the last has 5 MiB or more');
  }
}
