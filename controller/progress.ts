import type { Clock } from '../common/clock.js';
import { canonicalJson } from '../common/hash.js';
import type { Logger } from '../common/log.js';
import type { JobKey } from './cluster/cluster.js';
import type { ProgressPart } from './membership/numbers.js';

export interface ProgressWriterOptions {
  readonly progress: () => Iterable<{ readonly uid: string; readonly key: JobKey; readonly part: ProgressPart }>;
  readonly write: (key: JobKey, part: ProgressPart, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** [0, 1): keeps many jobs from writing together. */
  readonly random: () => number;
}

const perJobMs = 30_000;
const tickMs = 1000;
/** For the whole controller. */
const mostPerTick = 10;

/** Writes where trainings stand, seldom: live numbers go by gRPC. Runs until the signal is aborted. */
export async function writeProgress(options: ProgressWriterOptions, signal: AbortSignal): Promise<void> {
  const { progress, write, clock, log, random } = options;
  const written = new Map<string, { readonly text: string; readonly nextMs: number }>();
  while (!signal.aborted) {
    await clock.sleep(tickMs, signal).catch(() => {});
    let left = mostPerTick;
    const alive = new Set<string>();
    for (const { uid, key, part } of progress()) {
      alive.add(uid);
      if (left === 0 || signal.aborted) continue;
      const last = written.get(uid);
      const text = canonicalJson(part);
      const isLast = part.progress?.step === part.progress?.steps;
      if (last?.text === text || (!isLast && clock.monotonic() < (last?.nextMs ?? 0))) continue;
      left -= 1;
      written.set(uid, { text, nextMs: clock.monotonic() + perJobMs * (0.9 + 0.2 * random()) });
      await write(key, part, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('progress could not be written', { ...key, error: String(error) });
      });
    }
    for (const uid of written.keys()) if (!alive.has(uid)) written.delete(uid);
  }
}
