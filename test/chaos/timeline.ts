import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** What workers wrote to their logs, stamped with the watcher's own time: their clocks may jump. */
export type Sighting =
  | { readonly kind: 'training'; readonly atMs: number; readonly life: string; readonly from: number }
  | {
      readonly kind: 'committed';
      readonly atMs: number;
      readonly life: string;
      readonly step: number;
      readonly leaves: number;
    }
  | { readonly kind: 'unsaved'; readonly atMs: number; readonly life: string };

/** Reads the logs of a run as they grow. */
export class Timeline {
  readonly sightings: Sighting[] = [];
  readonly #folder: string;
  readonly #files = new Map<string, { readonly fd: number; rest: string }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The highest step committed anywhere; -1 before the first. */
  get highest(): number {
    return this.sightings.reduce((high, seen) => (seen.kind === 'committed' ? Math.max(high, seen.step) : high), -1);
  }

  /** Takes in what was written since the last look. */
  look(): void {
    for (const name of readdirSync(this.#folder, { withFileTypes: true }).map(({ name: file }) => file)) {
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

  close(): void {
    for (const { fd } of this.#files.values()) closeSync(fd);
  }

  #take(line: string): void {
    if (!line.startsWith('{')) return;
    const { message, member: life, ...fields } = JSON.parse(line) as Record<string, unknown> & { member: string };
    const atMs = performance.now();
    if (message === 'training')
      this.sightings.push({
        kind: 'training',
        atMs,
        life,
        from: Number(/from step (\d+)/.exec(String(fields.detail))![1]),
      });
    if (message === 'committed')
      this.sightings.push({ kind: 'committed', atMs, life, step: Number(fields.step), leaves: Number(fields.leaves) });
    if (message === 'a checkpoint could not be saved') this.sightings.push({ kind: 'unsaved', atMs, life });
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

/** Of what was seen between this fault and the next. A survivor that ends a step others have ended already redoes nothing. */
export function costOf(sightings: readonly Sighting[], faultAtMs: number, nextFaultAtMs: number): Cost {
  const commits = sightings.flatMap((seen) => (seen.kind === 'committed' ? [seen] : []));
  const highestBefore = commits.reduce((high, { atMs, step }) => (atMs < faultAtMs ? Math.max(high, step) : high), -1);
  const born = new Set(
    sightings.flatMap(({ kind, atMs, life }) => (kind === 'training' && atMs >= faultAtMs ? [life] : [])),
  );
  const after = commits.filter(({ atMs }) => atMs >= faultAtMs && atMs < nextFaultAtMs);
  const resumed = after.filter(({ life, step, leaves }) => (born.has(life) && leaves > 0) || step > highestBefore);
  const resumedFrom = resumed.length > 0 ? Math.min(...resumed.map(({ step }) => step)) : null;
  const next = after.find(({ step }) => step > highestBefore);
  return {
    highestBefore,
    resumedFrom,
    redoneSteps: resumedFrom === null ? 0 : Math.max(0, highestBefore + 1 - resumedFrom),
    nextCommitMs: next === undefined ? null : next.atMs - faultAtMs,
  };
}
