import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { View } from '../elastic/view.js';
import type { Recipe } from './recipe/recipe.js';
import type { Store } from './store/store.js';
import { collectCheckpoints, saveCheckpoint } from './train/checkpoint.js';
import { manifestKey } from './train/checkpointKeys.js';
import type { TrainState } from './train/state.js';

export interface CheckpointerOptions {
  readonly store: Store;
  readonly recipe: Recipe;
  readonly recipeHash: string;
  readonly member: string;
  readonly state: TrainState;
  readonly view: () => View | undefined;
  readonly everySteps: number;
  readonly keepLast: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the machines that compute this training. */
  readonly fingerprint: string;
  readonly onSaved: (step: number) => void;
}

/** A save that failed is made up for this many steps later, after another failure twice as many. */
const firstRetrySteps = 1;
/** How long at least one waits for the others' parts of a checkpoint before one writes them too. */
const leastPatienceMs = 1000;
const partsPollMs = 100;

/** Takes checkpoints beside the training: members share the shards, the first of them collects what is old. */
export interface Checkpointer {
  /** To be called when a step was applied; saves every so many steps, in the background, one after the other. */
  applied(step: number): void;
  /** Saves the present state whole, whoever else does too: on the way out. */
  saveNow(): Promise<void>;
  /**
   * When nothing is being saved. Awaited before the next step changes the state, so that never more than `everySteps` steps
   * are not in a checkpoint; meanwhile that step's gradients are computed. A failed save is logged, not thrown, and made up for at the next step.
   */
  settled(): Promise<void>;
}

export function createCheckpointer(options: CheckpointerOptions): Checkpointer {
  const { store, recipe, recipeHash, member, state, view, everySteps, keepLast, clock, log, fingerprint, onSaved } =
    options;
  const { signal } = new AbortController();
  const all = recipe.shards.map((_, shard) => shard);
  let saving: Promise<void> = Promise.resolve();
  let savedStep = -1;
  let retrySteps = firstRetrySteps;
  let retryAtStep = Number.POSITIVE_INFINITY;

  const joined = () => (view()?.members ?? []).filter((candidate) => candidate.joined).map(({ id }) => id);
  const save = async (owned: readonly number[]): Promise<boolean> => {
    const { step } = state.scalars;
    const { shards } = recipe;
    const saved = await saveCheckpoint(store, { recipeHash, fingerprint, state, shards, owned, signal });
    if (!saved.complete) return false;
    savedStep = step;
    onSaved(step);
    if (joined()[0] === member || joined().length === 0)
      await collectCheckpoints(store, { recipeHash, keepLast, signal });
    return true;
  };
  /** Own parts; then those of members that did not write theirs, for they may be dead. */
  const saveTogether = async (owned: readonly number[]): Promise<void> => {
    const key = manifestKey(recipeHash, state.scalars.step);
    const startedAtMs = clock.monotonic();
    if (await save(owned)) return;
    const patienceMs = Math.max(leastPatienceMs, 2 * (clock.monotonic() - startedAtMs));
    for (const untilMs = clock.monotonic() + patienceMs; clock.monotonic() < untilMs; ) {
      await clock.sleep(partsPollMs, signal);
      if (await store.stat(key, { signal })) return;
    }
    await save(all);
  };
  const inBackground = (step: number, work: () => Promise<void>): void => {
    saving = Promise.all([saving, work()]).then(
      () => {
        retrySteps = firstRetrySteps;
      },
      (error: unknown) => {
        log.warn('a checkpoint could not be saved', { error: String(error) });
        retryAtStep = step + retrySteps;
        retrySteps = Math.min(everySteps, 2 * retrySteps);
      },
    );
  };
  return {
    applied(step) {
      if ((step + 1) % everySteps !== 0 && step < retryAtStep) return;
      retryAtStep = Number.POSITIVE_INFINITY;
      const members = joined();
      const place = Math.max(0, members.indexOf(member));
      const owned = all.filter((shard) => shard % Math.max(1, members.length) === place);
      inBackground(step, () => saveTogether(owned));
    },
    async saveNow() {
      await saving;
      if (state.scalars.step > 0 && savedStep !== state.scalars.step) await save(all);
    },
    settled: () => saving,
  };
}
