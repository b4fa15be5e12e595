import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** What workers did, stamped with the watcher's own time: their clocks may jump. */
export type Sighting =
  | { readonly kind: 'training'; readonly atMs: number; readonly life: string; readonly from: number }
  | Committed
  | { readonly kind: 'unsaved'; readonly atMs: number; readonly life: string };

interface Committed {
  readonly kind: 'committed';
  readonly atMs: number;
  readonly life: string;
  readonly step: number;
  /** Micro-batches that this worker computed for it. */
  readonly leaves: number;
}

/** Follows a run: reads its logs as they grow, and hears from its launcher, for a log may find no room on its disk. */
export class Timeline {
  readonly sightings: Sighting[] = [];
  /** The highest step committed anywhere; -1 before the first. */
  highest = -1;
  /** The last step of each life. */
  readonly last = new Map<string, number>();
  readonly #folder: string;
  readonly #files = new Map<string, { readonly fd: number; rest: string }>();
  readonly #commits = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes in what was written since the last look. */
  look(): void {
    for (const name of readdirSync(this.#folder)) {
      if (!/^worker-\d+\.log$/.test(name)) continue;
      const file = this.#files.get(name) ?? { fd: openSync(join(this.#folder, name), 'r'), rest: '' };
      this.#files.set(name, file);
      const buffer = Buffer.alloc(65_536);
      for (let size = readSync(file.fd, buffer); size > 0; size = readSync(file.fd, buffer)) {
        const lines = (file.rest + buffer.toString('utf8', 0, size)).split('\n');
        file.rest = lines.pop()!;
        for (const line of lines) this.#take(line);
      }
    }
  }

  committed(life: string, step: number, leaves: number): void {
    const name = `${life} ${step}`;
    if (this.#commits.has(name)) return;
    this.#commits.add(name);
    this.highest = Math.max(this.highest, step);
    this.last.set(life, step);
    this.sightings.push({ kind: 'committed', atMs: performance.now(), life, step, leaves });
  }

  close(): void {
    for (const { fd } of this.#files.values()) closeSync(fd);
  }

  #take(line: string): void {
    const said = parsed(line);
    if (said === undefined) return;
    const { message, member: life, ...fields } = said;
    const atMs = performance.now();
    if (message === 'training')
      this.sightings.push({
        kind: 'training',
        atMs,
        life,
        from: Number(/from step (\d+)/.exec(String(fields.detail))![1]),
      });
    if (message === 'committed') this.committed(life, Number(fields.step), Number(fields.leaves));
    if (message === 'a checkpoint could not be saved') this.sightings.push({ kind: 'unsaved', atMs, life });
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
 * that the most advanced of the living committed after it.
 */
export function costOf(sightings: readonly Sighting[], struckAtMs: number, nextAtMs: number): Cost {
  const commits = sightings.filter((seen) => seen.kind === 'committed');
  const highestBefore = Math.max(-1, ...commits.filter(({ atMs }) => atMs <= struckAtMs).map(({ step }) => step));
  const born = new Set(
    sightings.flatMap(({ kind, atMs, life }) =>
      kind === 'training' && atMs > struckAtMs && atMs <= nextAtMs ? [life] : [],
    ),
  );
  const after = commits.filter(({ atMs }) => atMs > struckAtMs && atMs <= nextAtMs);
  const bornComputed = commits.filter(({ life, leaves }) => born.has(life) && leaves > 0).map(({ step }) => step);
  const firstOf = new Map<string, number>();
  for (const { life, step } of after) if (!firstOf.has(life)) firstOf.set(life, step);
  const leading = [...firstOf].filter(([life]) => !born.has(life)).map(([, step]) => step);
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
