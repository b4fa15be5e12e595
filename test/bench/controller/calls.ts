/** One answered call to the API server. */
export interface Call {
  readonly verb: string;
  /** Plural, with the subresource: `finetunejobs/status`. */
  readonly resource: string;
  readonly code: number;
}

const reading: readonly string[] = ['get', 'list', 'watch'];

export const isWrite = ({ verb, resource }: Call): boolean => !reading.includes(verb) && resource !== 'leases';

/** Whether the call is about jobs, rather than the controller's own lease and watches that begin anew. */
export const isOfJobs = ({ verb, resource }: Call): boolean => resource !== 'leases' && verb !== 'watch';

/** `{ 'create jobs': 500 }`, most frequent first; what was refused or failed names its code. */
export function tally(calls: readonly Call[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { verb, resource, code } of calls) {
    const name = `${verb} ${resource}${code >= 300 ? ` ${code}` : ''}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}
