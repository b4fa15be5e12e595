/** What a benchmark tells; the last one is its result. */
export interface BenchEvent {
  readonly event: 'row' | 'result';
  readonly lines: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
}
