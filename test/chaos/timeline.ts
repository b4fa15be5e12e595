/** What workers did, stamped with the watcher's time. */
export type Sighting =
  | { readonly kind: 'training'; readonly atMs: number; readonly life: string; readonly from: number }
  | Committed
  | { readonly kind: 'unsaved'; readonly atMs: number; readonly life: string }
  /** It had the last step and has seen it published. */
  | { readonly kind: 'done'; readonly atMs: number; readonly life: string };

interface Committed {
  readonly kind: 'committed';
  readonly atMs: number;
  readonly life: string;
  readonly step: number;
  /** Micro-batches that this worker computed for it. */
  readonly leaves: number;
}

/** What is known of a run. */
export class Timeline {
  readonly sightings: Sighting[] = [];
  /** The highest step committed anywhere; -1 before the first. */
  highest = -1;
  /** The last step of each life. */
  readonly last = new Map<string, number>();
  readonly #commits = new Set<string>();

  /** Takes in a line of a worker's log; `atMs` by this process's monotonic time. */
  heard(line: string, atMs = performance.now()): void {
    const said = parsed(line);
    if (said === undefined) return;
    const { message, member: life, ...fields } = said;
    if (message === 'training')
      this.sightings.push({
        kind: 'training',
        atMs,
        life,
        from: Number(/from step (\d+)/.exec(String(fields.detail))![1]),
      });
    if (message === 'committed') this.committed(life, Number(fields.step), Number(fields.leaves), atMs);
    if (message === 'a checkpoint could not be saved') this.sightings.push({ kind: 'unsaved', atMs, life });
    if (message === 'done') this.sightings.push({ kind: 'done', atMs, life });
  }

  committed(life: string, step: number, leaves: number, atMs = performance.now()): void {
    const name = `${life} ${step}`;
    if (this.#commits.has(name)) return;
    this.#commits.add(name);
    this.highest = Math.max(this.highest, step);
    this.last.set(life, step);
    this.sightings.push({ kind: 'committed', atMs, life, step, leaves });
  }
}

/** Undefined: a line of the runtime, or one that a full disk cut off. */
function parsed(line: string): (Record<string, unknown> & { readonly member: string }) | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown> & { readonly member: string };
  } catch {
    return undefined;
  }
}

/** What a fault cost. */
export interface Cost {
  /** Highest step committed anywhere before it. */
  readonly highestBefore: number;
  /** The lowest step that somebody computed for after it. */
  readonly resumedFrom: number | null;
  readonly redoneSteps: number;
  /** Until a step was committed that was not before. */
  readonly nextCommitMs: number | null;
}

/**
 * redone = (highest step committed anywhere before the fault) + 1 - (step resumed from). Resumed from is the lowest of: every
 * step that a worker born after this fault and before the next computed anything for, whenever it did; and the first step
 * that the most advanced of the living committed after it. Who had the last step of all before it, and lived to see it
 * published, has nothing left to commit: whoever is still behind then, with nothing but what others computed, resumes nothing.
 */
export function costOf(sightings: readonly Sighting[], struckAtMs: number, nextAtMs: number): Cost {
  // Told late is not done late: a log comes again after its connection broke.
  const inOrder = [...sightings].sort((a, b) => a.atMs - b.atMs);
  const commits = inOrder.filter((seen) => seen.kind === 'committed');
  const lastBefore = new Map<string, number>();
  for (const { life, step, atMs } of commits)
    if (atMs <= struckAtMs) lastBefore.set(life, Math.max(step, lastBefore.get(life) ?? -1));
  const highestBefore = Math.max(-1, ...lastBefore.values());
  const born = new Set(
    inOrder.flatMap(({ kind, atMs, life }) =>
      kind === 'training' && atMs > struckAtMs && atMs <= nextAtMs ? [life] : [],
    ),
  );
  const after = commits.filter(({ atMs }) => atMs > struckAtMs && atMs <= nextAtMs);
  const bornComputed = commits.filter(({ life, leaves }) => born.has(life) && leaves > 0).map(({ step }) => step);
  const firstOf = new Map<string, number>();
  for (const { life, step } of after) if (!firstOf.has(life)) firstOf.set(life, step);
  const hadAll = inOrder.some(({ kind, life }) => kind === 'done' && lastBefore.get(life) === highestBefore);
  // What a life had begun before the fault is its first commit after it.
  const computedAgain = after.some(
    ({ life, step, leaves }) => step <= highestBefore && leaves > 0 && step !== firstOf.get(life),
  );
  const leading = [...firstOf].filter(([life]) => !born.has(life)).map(([, step]) => step);
  if (hadAll && !computedAgain) leading.push(highestBefore + 1);
  const steps = [...bornComputed, ...(leading.length > 0 ? [Math.max(...leading)] : [])];
  const resumedFrom = steps.length > 0 ? Math.min(...steps) : null;
  const next = after.find(({ step }) => step > highestBefore);
  return {
    highestBefore,
    resumedFrom,
    redoneSteps: resumedFrom === null ? 0 : Math.max(0, highestBefore + 1 - resumedFrom),
    nextCommitMs: next === undefined ? null : next.atMs - struckAtMs,
  };
}
