import type { IncomingMessage, ServerResponse } from 'node:http';
import { collect } from '../body.js';
import { checkKey } from '../key.js';
import type { Store, StoredObject, WriteOptions } from '../store.js';
import { answerXml, type Call } from './call.js';
import { crc32Of, rangeOf } from './content.js';
import { refuse } from './failure.js';
import { listObjects } from './listing.js';
import { payload } from './payload.js';
import type { UploadAddress } from './uploads.js';
import { childrenOf } from './xml.js';

type Operation = (call: Call) => Promise<void>;

/** Which operation a request asks for, by method, depth of the path and the query's sub-resource. */
export function operationOf(method: string, { bucket, key, query, request }: Call): Operation {
  const unknown = () => refuse(501, 'NotImplemented', `${method} ${request.url} is not spoken here`);
  if (bucket === '') return method === 'GET' ? listBuckets : unknown();
  if (key === '') {
    if (method === 'GET' && query.get('list-type') === '2') return listObjects;
    return { PUT: createBucket, HEAD: headBucket }[method] ?? unknown();
  }
  if (request.headers['x-amz-copy-source'] !== undefined) return unknown();
  if (query.has('uploads') && method === 'POST') return beginUpload;
  if (query.has('uploadId')) return { PUT: putPart, POST: completeUpload, DELETE: abandonUpload }[method] ?? unknown();
  const subresource = [...query.keys()].find((name) => name !== 'x-id');
  if (subresource !== undefined) return unknown();
  return { PUT: putObject, GET: getObject, HEAD: headObject, DELETE: deleteObject }[method] ?? unknown();
}

const listBuckets: Operation = async ({ buckets, response }) => {
  const names = await buckets.names();
  answerXml(response, 'ListAllMyBucketsResult', { Buckets: { Bucket: names.map((Name) => ({ Name })) } });
};

const createBucket: Operation = async ({ request, signing, buckets, bucket, response }) => {
  await collect(payload(request, signing));
  await buckets.create(bucket);
  response.writeHead(200, { location: `/${bucket}`, 'content-length': 0 }).end();
};

const headBucket: Operation = async ({ buckets, bucket, response }) => {
  await buckets.open(bucket);
  response.writeHead(200).end();
};

const putObject: Operation = async ({ request, signing, buckets, uploads, bucket, key, response }) => {
  const store = await buckets.open(bucket);
  checkKey(key);
  const etag = await uploads.receive(payload(request, signing), (file) =>
    writeConditionally(store, key, file, request),
  );
  response.writeHead(200, { etag: `"${etag}"`, 'content-length': 0 }).end();
};

/** @returns the etag of the written object. */
async function writeConditionally(store: Store, key: string, file: string, request: IncomingMessage): Promise<string> {
  const result = await store.write(key, { file }, conditionOf(request));
  const found = await store.stat(key);
  if (result === 'changed' && !found) refuse(404, 'NoSuchKey', 'there is no object that could match');
  if (result !== 'written') refuse(412, 'PreconditionFailed', 'the condition of the request does not hold');
  return found?.etag ?? refuse(409, 'ConditionalRequestConflict', 'the object was removed at the same time');
}

function conditionOf({ headers }: IncomingMessage): WriteOptions {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (noneMatch !== undefined && noneMatch !== '*')
    refuse(501, 'NotImplemented', 'If-None-Match of a write takes only *');
  if (match === '*') refuse(501, 'NotImplemented', 'If-Match of a write takes only an etag');
  return { ...(noneMatch === '*' && { ifAbsent: true }), ...(match !== undefined && { ifMatch: unquoted(match) }) };
}

const getObject: Operation = async (call) => {
  const { store, found, headers } = await lookUp(call);
  const { request, response, key } = call;
  const range = rangeOf(request.headers.range, found.sizeBytes);
  if (range) headers['content-range'] = `bytes ${range.start}-${range.end - 1}/${found.sizeBytes}`;
  else if (request.headers['x-amz-checksum-mode'] === 'ENABLED') {
    headers['x-amz-checksum-crc32'] = await crc32Of(await store.read(key));
    headers['x-amz-checksum-type'] = 'FULL_OBJECT';
  }
  const length = range ? range.end - range.start : found.sizeBytes;
  response.writeHead(range ? 206 : 200, { ...headers, 'content-length': length });
  for await (const chunk of await store.read(key, range ? { range } : {})) {
    if (response.destroyed) return;
    if (!response.write(chunk)) await writable(response);
  }
  response.end();
};

const writable = (response: ServerResponse): Promise<void> =>
  new Promise((resume) => {
    const go = () => {
      response.off('drain', go).off('close', go);
      resume();
    };
    response.on('drain', go).on('close', go);
  });

const headObject: Operation = async (call) => {
  const { found, headers } = await lookUp(call);
  call.response.writeHead(200, { ...headers, 'content-length': found.sizeBytes }).end();
};

/** The object behind a GET or HEAD, its conditions checked. */
async function lookUp({ buckets, bucket, key, request }: Call): Promise<{
  readonly store: Store;
  readonly found: StoredObject;
  readonly headers: Record<string, string>;
}> {
  const store = await buckets.open(bucket);
  const found = (await store.stat(key)) ?? refuse(404, 'NoSuchKey', 'there is no such object');
  const { 'if-match': match, 'if-none-match': noneMatch } = request.headers;
  if (match !== undefined && match !== '*' && unquoted(match) !== found.etag)
    refuse(412, 'PreconditionFailed', 'the object is another one');
  if (noneMatch !== undefined) refuse(501, 'NotImplemented', 'If-None-Match of a read is not spoken here');
  const modified = await buckets.modifiedAt(bucket, key);
  return {
    store,
    found,
    headers: {
      etag: `"${found.etag}"`,
      'last-modified': modified.toUTCString(),
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    },
  };
}

const deleteObject: Operation = async ({ buckets, bucket, key, response }) => {
  const store = await buckets.open(bucket);
  await store.remove(key);
  response.writeHead(204).end();
};

const beginUpload: Operation = async ({ buckets, uploads, bucket, key, response }) => {
  await buckets.open(bucket);
  const UploadId = await uploads.begin(bucket, checkKey(key));
  answerXml(response, 'InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId });
};

const putPart: Operation = async (call) => {
  const { request, signing, uploads, query, response } = call;
  const etag = await uploads.part(addressOf(call), Number(query.get('partNumber')), payload(request, signing));
  const checksum = request.headers['x-amz-checksum-crc32'];
  response
    .writeHead(200, {
      etag: `"${etag}"`,
      'content-length': 0,
      ...(typeof checksum === 'string' && { 'x-amz-checksum-crc32': checksum }),
    })
    .end();
};

const completeUpload: Operation = async (call) => {
  const { request, signing, buckets, uploads, bucket, key, response } = call;
  const store = await buckets.open(bucket);
  const body = Buffer.from(await collect(payload(request, signing))).toString('utf8');
  const parts = childrenOf(body, 'Part').map(({ PartNumber = '', ETag = '' }) => ({
    number: Number(PartNumber),
    etag: unquoted(ETag),
  }));
  let etag = '';
  await uploads.complete(addressOf(call), parts, async (file) => {
    etag = await writeConditionally(store, key, file, request);
    return true;
  });
  answerXml(response, 'CompleteMultipartUploadResult', { Bucket: bucket, Key: key, ETag: `"${etag}"` });
};

const abandonUpload: Operation = async (call) => {
  await call.uploads.abandon(addressOf(call));
  call.response.writeHead(204).end();
};

const addressOf = ({ bucket, key, query }: Call): UploadAddress => ({ id: query.get('uploadId') ?? '', bucket, key });

const unquoted = (etag: string): string => etag.replace(/^"|"$/g, '');
