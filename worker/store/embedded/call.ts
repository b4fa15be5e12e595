import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Buckets } from './buckets.js';
import type { SigningContext } from './signature.js';
import type { Uploads } from './uploads.js';
import { type XmlObject, xmlDocument } from './xml.js';

/** One request whose signature was right. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly signing: SigningContext;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly buckets: Buckets;
  readonly uploads: Uploads;
}

export function answerXml(response: ServerResponse, root: string, content: XmlObject): void {
  const body = xmlDocument(root, content);
  response.writeHead(200, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) }).end(body);
}
