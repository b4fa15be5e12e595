import type { GrpcCode } from '../api/errors/entry.js';
import { type ErrorName, EspalierError, errors, type Facts } from '../api/errors.js';
import type { Logger } from '../common/log.js';
import type { Protos } from './load.js';

/** A gRPC status as it travels: code, text, and the details of gRPC's error model. */
export interface WireStatus {
  readonly code: number;
  readonly details: string;
  /** The value of `grpc-status-details-bin`: a google.rpc.Status with one ErrorInfo. */
  readonly bin?: Buffer;
}

/** Numbers of gRPC's status codes. */
export const codes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const satisfies Record<GrpcCode | 'OK', number>;

const domain = 'espalier.dev';

/** The one place where an error becomes a code. The unexpected is logged here and leaks no detail. */
export function toWire(protos: Protos, error: unknown, log: Logger): WireStatus {
  if (!(error instanceof EspalierError)) {
    log.error('a call failed unexpectedly', { error: error instanceof Error ? error.stack : String(error) });
    return { code: codes.INTERNAL, details: 'internal error; see the log of the server' };
  }
  const code = codes[error.grpc];
  const metadata = { facts: JSON.stringify(error.facts), code: error.code, remedy: error.remedy };
  const info = protos.encodeErrorInfo({ reason: error.name, domain, metadata });
  const detail = { type_url: 'type.googleapis.com/google.rpc.ErrorInfo', value: info };
  return {
    code,
    details: error.message,
    bin: protos.encodeStatus({ code, message: error.message, details: [detail] }),
  };
}

/** The way back: a named error with its facts where the other side gave them, else an error of the call itself. */
export function fromWire(protos: Protos, status: WireStatus, call: { method: string; address: string }): EspalierError {
  const named = status.bin && namedError(protos, status.bin);
  if (named) return named;
  // Cancelled, and not by our own signal: the server shut down.
  if (status.code === codes.UNAVAILABLE || status.code === codes.CANCELLED)
    return new EspalierError('PeerUnreachable', { address: call.address, what: status.details });
  if (status.code === codes.DEADLINE_EXCEEDED) return new EspalierError('CallTimedOut', call);
  const code = Object.entries(codes).find(([, number]) => number === status.code)?.[0] ?? String(status.code);
  return new EspalierError('CallFailed', { ...call, code, details: status.details });
}

function namedError(protos: Protos, bin: Buffer): EspalierError | undefined {
  const detail = protos.decodeStatus(bin).details.find(({ type_url }) => type_url.endsWith('/google.rpc.ErrorInfo'));
  if (detail === undefined) return undefined;
  const info = protos.decodeErrorInfo(detail.value);
  if (info.domain !== domain || !Object.hasOwn(errors, info.reason)) return undefined;
  return new EspalierError(info.reason as ErrorName, JSON.parse(info.metadata.facts ?? '{}') as Facts<ErrorName>);
}
