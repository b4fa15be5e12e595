import { S3Client } from '@aws-sdk/client-s3';
import { fail } from '../../../api/errors.js';
import type { Connection } from '../connection.js';

/** The SDK's client: one attempt a call, since only the store knows what a repeated conditional write means. */
export function createS3Client({ endpoint, region, credentials, forcePathStyle }: Connection): S3Client {
  if (endpoint !== undefined && !/^https?:\/\/[^/\s]+/.test(endpoint))
    fail('ConnectionInvalid', { field: 'endpoint', reason: `${JSON.stringify(endpoint)} is no http(s) URL` });
  return new S3Client({
    maxAttempts: 1,
    forcePathStyle: forcePathStyle ?? endpoint !== undefined,
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...(credentials && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken !== undefined && { sessionToken: credentials.sessionToken }),
      },
    }),
    requestHandler: {
      connectionTimeout: 5_000,
      socketTimeout: 30_000,
      requestTimeout: 120_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 16 },
      httpsAgent: { keepAlive: true, maxSockets: 16 },
    },
  });
}
