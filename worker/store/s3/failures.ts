import { EspalierError, type Facts } from '../../../api/errors.js';

/** What went wrong on the way to the store, sorted: whether to try again, and the coded error to report when not. */
export interface Failure {
  readonly retry: boolean;
  readonly error: EspalierError;
}

export interface Call {
  readonly url: string;
  readonly bucket: string;
  /** A verb for messages: `read`, `write`, ... */
  readonly operation: string;
  readonly region: string | undefined;
}

interface ServiceError {
  readonly name?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly code?: string;
  readonly Region?: string;
  /** `clockSkewCorrected`: the answer's date was far from ours; an answer to HEAD has no code to say so. */
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
}

export const statusOf = (error: unknown): number | undefined =>
  (error as ServiceError).$metadata?.httpStatusCode ?? (error as ServiceError).$response?.statusCode;

export const codeOf = (error: unknown): string =>
  (error as ServiceError).Code ?? (error as ServiceError).name ?? 'Error';

const rejected = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  // versitygw's word for an unknown access key, with status 404.
  'XAdminUserNotFound',
]);
const transient = new Set([
  'SlowDown',
  'RequestTimeout',
  'InternalError',
  'ServiceUnavailable',
  'Throttling',
  'BadDigest',
]);

/** Names from Node's sockets and the SDK's request handler for a network that does not answer. */
const network =
  /^(E(CONN|HOST|NET|PIPE|AI|TIMEDOUT|NOTFOUND)|UND_ERR|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|TimeoutError|NetworkingError)/;

export function describeFailure(cause: unknown, call: Call): Failure {
  const raw = cause as ServiceError;
  const status = statusOf(cause);
  const code = codeOf(cause);
  const why = `${code}${raw.message && raw.message !== code ? `: ${raw.message}` : ''}`;
  const { url, operation, bucket } = call;
  const say = <
    Name extends
      | 'StoreFailed'
      | 'ObjectMissing'
      | 'BucketMissing'
      | 'CredentialsMissing'
      | 'CredentialsRejected'
      | 'ClockSkewed'
      | 'StoreUnreachable'
      | 'RegionWrong'
      | 'ConnectionInvalid'
      | 'DiskFull',
  >(
    name: Name,
    facts: Facts<Name>,
    retry = false,
  ): Failure => ({ retry, error: new EspalierError(name, facts, { cause }) as unknown as EspalierError });

  if (cause instanceof EspalierError) return { retry: false, error: cause };
  if (code === 'NoSuchBucket') return say('BucketMissing', { url, bucket });
  const skewed = status === 403 && !rejected.has(code) && raw.$metadata?.clockSkewCorrected;
  if (code === 'RequestTimeTooSkewed' || skewed)
    // The SDK has measured the difference by the answer: the next try is signed with the server's time.
    return say('ClockSkewed', { url }, true);
  if (
    code === 'PermanentRedirect' ||
    code === 'AuthorizationHeaderMalformed' ||
    code === 'IllegalLocationConstraintException'
  ) {
    const expected = raw.Region ?? raw.$response?.headers?.['x-amz-bucket-region'] ?? '';
    return say('RegionWrong', { url, region: call.region ?? 'the default', expected });
  }
  if (transient.has(code)) return say('StoreFailed', { url, operation, status: status ?? 0, why }, true);
  if (rejected.has(code) || status === 401 || status === 403)
    return say('CredentialsRejected', { url, operation, why });
  if (status === 404 && (code === 'NoSuchKey' || code === 'NotFound')) return say('ObjectMissing', { url });
  if (status === 507) return say('DiskFull', { path: url, what: 'an object' });
  if (status !== undefined)
    return say('StoreFailed', { url, operation, status, why }, status >= 500 || status === 429 || status === 409);
  if (code === 'CredentialsProviderError' || code === 'TokenProviderError')
    return say('CredentialsMissing', { url, why: raw.message ?? code });
  if (/region is missing/i.test(raw.message ?? ''))
    return say('ConnectionInvalid', { field: 'region', reason: 'it is missing' });
  const socket = raw.code ?? code;
  if (network.test(socket) || network.test(code) || raw.message === 'aborted')
    return say('StoreUnreachable', { url, why: `${socket}${raw.message ? `: ${raw.message}` : ''}` }, true);
  if (/checksum mismatch/i.test(raw.message ?? ''))
    return say('StoreFailed', { url, operation, status: 200, why: raw.message ?? 'checksum mismatch' }, true);
  return say('StoreFailed', { url, operation, status: 0, why }, false);
}
