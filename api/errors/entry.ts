/** gRPC status names an error may map to. */
export type GrpcCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'DATA_LOSS'
  | 'CANCELLED'
  | 'UNKNOWN';

/** 2 bad input, 3 something outside failed, 70 our fault, 130 interrupted, 75 stopped early and resumable. */
export type ExitCode = 2 | 3 | 70 | 75 | 130;

/** One error: its facts are typed by `Facts`; message and remedy are rendered from them and nothing else. */
export interface ErrorEntry<Facts> {
  /** `ESP-nnnn`, never reused. */
  readonly code: `ESP-${number}`;
  readonly retry: boolean;
  readonly grpc: GrpcCode;
  readonly exit: ExitCode;
  readonly message: (facts: Facts) => string;
  readonly remedy: (facts: Facts) => string;
  /** Facts that pick one of several texts, and the values they take; docs/errors.md lists each. */
  readonly choices?: () => { readonly [K in keyof Facts]?: readonly Facts[K][] };
}

export const entry = <Facts>(definition: ErrorEntry<Facts>): ErrorEntry<Facts> => definition;

/** `a, b and c`, at most `most` of them. */
export function list(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most);
  if (items.length > most) return `${shown.join(', ')} and ${items.length - most} more`;
  return shown.length < 2 ? (shown[0] ?? 'none') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
