import type { Clock } from '../common/clock.js';
import { canonicalJson } from '../common/hash.js';
import type { Logger } from '../common/log.js';
import type { Standing } from './trainings.js';

export interface ProgressWriterOptions {
  readonly progress: () => Iterable<Standing>;
  /** Answers whether it could be written: the status may have changed meanwhile. */
  readonly write: (standing: Standing, signal: AbortSignal) => Promise<boolean>;
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
    for (const standing of progress()) {
      const { uid, key, part, isFinal } = standing;
      alive.add(uid);
      if (left === 0 || signal.aborted) continue;
      const last = written.get(uid);
      // Time passes also where nothing happens: that alone is not worth a write.
      const text = canonicalJson([part.progress, part.lastCheckpoint, isFinal]);
      const isLast = isFinal || part.progress?.step === part.progress?.steps;
      if (last?.text === text || (!isLast && clock.monotonic() < (last?.nextMs ?? 0))) continue;
      left -= 1;
      written.set(uid, { text, nextMs: clock.monotonic() + perJobMs * (0.9 + 0.2 * random()) });
      const isWritten = await write(standing, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('progress could not be written', { ...key, error: String(error) });
        return false;
      });
      if (!isWritten) written.delete(uid);
    }
    for (const uid of written.keys()) if (!alive.has(uid)) written.delete(uid);
  }
}
