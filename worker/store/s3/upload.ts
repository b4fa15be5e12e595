import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { bodyPart, bodySize } from '../body.js';
import type { Body, WriteOptions, WriteResult } from '../store.js';
import { type Call, statusOf } from './failures.js';
import { type RetryDeps, retrying } from './retrying.js';

export const partBytes = 8 << 20;
const mostParts = 10_000;
const partsAtOnce = 4;

export interface Upload extends RetryDeps {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
  readonly call: Call;
  readonly body: Body;
  readonly options: WriteOptions;
  /** Whether the store holds exactly this body: how an answer lost on the way is recovered. */
  readonly arrived: () => Promise<boolean>;
}

/** Puts one object, whole or not at all, with its condition; above 8 MiB in parts. */
export async function upload(task: Upload): Promise<WriteResult> {
  const sizeBytes = await bodySize(task.body);
  return sizeBytes <= partBytes ? putWhole(task, sizeBytes) : putInParts(task, sizeBytes);
}

const condition = ({ ifAbsent, ifMatch }: WriteOptions) => ({
  ...(ifAbsent && { IfNoneMatch: '*' }),
  ...(ifMatch !== undefined && { IfMatch: ifMatch }),
});

/** 412, or 404 for a condition on an object that is not there. */
const refusal = (error: unknown, { ifAbsent, ifMatch }: WriteOptions): WriteResult | undefined => {
  if (statusOf(error) === 412) return ifAbsent ? 'exists' : 'changed';
  if (statusOf(error) === 404 && ifMatch !== undefined && (error as Error).name === 'NoSuchKey') return 'changed';
  return undefined;
};

async function putWhole(task: Upload, sizeBytes: number): Promise<WriteResult> {
  const { client, bucket, key, body, options, arrived } = task;
  const bytes = await bodyPart(body, 0, sizeBytes);
  return retrying(task.call, task, options.signal, async ({ mayHaveHappened }) => {
    try {
      await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ...(options.contentType !== undefined && { ContentType: options.contentType }),
          ...condition(options),
        }),
        sending(options.signal),
      );
      return 'written';
    } catch (error) {
      const refused = refusal(error, options);
      if (!refused) throw error;
      // Our own first attempt may be what the condition met.
      return mayHaveHappened && (await arrived()) ? 'written' : refused;
    }
  });
}

/** A conflict at the end (409) spoils the upload, so the whole of it is tried again. */
async function putInParts(task: Upload, sizeBytes: number): Promise<WriteResult> {
  return retrying(task.call, task, task.options.signal, async () => {
    const { client, bucket, key, call, options } = task;
    const created = await retrying(call, task, options.signal, () =>
      client.send(
        new CreateMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          ChecksumAlgorithm: 'CRC32',
          ...(options.contentType !== undefined && { ContentType: options.contentType }),
        }),
        sending(options.signal),
      ),
    );
    const uploadId = created.UploadId ?? '';
    try {
      const parts = await uploadParts(task, uploadId, sizeBytes);
      const result = await complete(task, uploadId, parts);
      if (result !== 'written') await abandon(task, uploadId);
      return result;
    } catch (error) {
      await abandon(task, uploadId);
      throw error;
    }
  });
}

async function uploadParts(task: Upload, uploadId: string, sizeBytes: number): Promise<CompletedPart[]> {
  const { client, bucket, key, call, body, options } = task;
  const bytesEach = Math.max(partBytes, Math.ceil(sizeBytes / mostParts));
  const count = Math.ceil(sizeBytes / bytesEach);
  const done: CompletedPart[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      const bytes = await bodyPart(body, index * bytesEach, Math.min(sizeBytes, (index + 1) * bytesEach));
      const answer = await retrying(call, task, options.signal, () =>
        client.send(
          new UploadPartCommand({
            Bucket: bucket,
            Key: key,
            UploadId: uploadId,
            PartNumber: index + 1,
            Body: bytes,
            ChecksumAlgorithm: 'CRC32',
          }),
          sending(options.signal),
        ),
      );
      done[index] = {
        PartNumber: index + 1,
        ...(answer.ETag !== undefined && { ETag: answer.ETag }),
        ...(answer.ChecksumCRC32 !== undefined && { ChecksumCRC32: answer.ChecksumCRC32 }),
      };
    }
  };
  await Promise.all(Array.from({ length: Math.min(partsAtOnce, count) }, worker));
  return done;
}

async function complete(task: Upload, uploadId: string, parts: CompletedPart[]): Promise<WriteResult> {
  const { client, bucket, key, call, options, arrived } = task;
  return retrying(call, task, options.signal, async ({ mayHaveHappened }) => {
    try {
      await client.send(
        new CompleteMultipartUploadCommand({
          Bucket: bucket,
          Key: key,
          UploadId: uploadId,
          MultipartUpload: { Parts: parts },
          ...condition(options),
        }),
        sending(options.signal),
      );
      return 'written';
    } catch (error) {
      // After a lost answer the upload is gone (404 NoSuchUpload) or our own object meets the condition (412).
      if (mayHaveHappened && [404, 412].includes(statusOf(error) ?? 0) && (await arrived())) return 'written';
      const refused = refusal(error, options);
      if (refused) return refused;
      throw error;
    }
  });
}

/** Frees the parts. What fails here is only litter, and the error under way matters more. */
async function abandon({ client, bucket, key }: Upload, uploadId: string): Promise<void> {
  await client
    .send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }))
    .catch(() => undefined);
}

export const sending = (signal: AbortSignal | undefined) => (signal ? { abortSignal: signal } : {});
