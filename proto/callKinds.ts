/** A call's shape; `In` types may leave fields out, the others have every default filled in. */
export interface Unary<QIn, Q, RIn, R> {
  readonly kind: 'unary';
  readonly types?: [QIn, Q, RIn, R];
}
export interface ServerStream<QIn, Q, RIn, R> {
  readonly kind: 'serverStream';
  readonly types?: [QIn, Q, RIn, R];
}
export interface ClientStream<QIn, Q, RIn, R> {
  readonly kind: 'clientStream';
  readonly types?: [QIn, Q, RIn, R];
}
export interface Bidi<QIn, Q, RIn, R> {
  readonly kind: 'bidi';
  readonly types?: [QIn, Q, RIn, R];
}
