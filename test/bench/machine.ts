import { availableParallelism, cpus, loadavg } from 'node:os';

/** What a timing is worth nothing without. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
}

export const machine = (): Machine => ({ processor: cpus()[0]!.model.trim(), cores: availableParallelism() });

/** Processes that wanted a core over the last minute, and 15 minutes. */
export const load = (): { readonly oneMinute: number; readonly quarterHour: number } => {
  const [oneMinute, , quarterHour] = loadavg() as [number, number, number];
  return { oneMinute, quarterHour };
};

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export const rounded = (value: number, digits = 3): number => Number(value.toFixed(digits));
