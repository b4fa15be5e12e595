import { fail } from '../api/errors.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { initialAdapter } from './adapter/init.js';
import { sitesOf } from './adapter/sites.js';
import type { StoreReference, WorkerConfig } from './config.js';
import { createEngine } from './engine/createEngine.js';
import type { Engine } from './engine/engine.js';
import { availableMemory, chooseStrategy } from './engine/memory.js';
import type { EngineSetup } from './engine/strategy/strategy.js';
import type { Numerics } from './exchange/trainee.js';
import type { Base } from './model/base.js';
import { resolveBase } from './model/resolve.js';
import { hubSettings } from './model/sources/hubSettings.js';
import { engineSetup } from './recipe/engineSetup.js';
import { type PreparedJob, readPrepared } from './recipe/prepared.js';
import { openStore } from './store/open.js';
import type { Store } from './store/store.js';
import { fingerprint } from './train/fingerprint.js';
import { loadLatestCheckpoint } from './train/loadCheckpoint.js';
import { initialState, type TrainState } from './train/state.js';
import { createTrainee } from './train/trainee.js';

export interface OpenDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Everything a worker holds of its job before it meets the others. */
export interface OpenedJob {
  readonly prepared: PreparedJob;
  readonly base: Base;
  readonly checkpoints: Store;
  /** Where the last whole checkpoint ends, else the beginning. */
  readonly state: TrainState;
  /** How this machine computes the job: must be alike at all workers, always. */
  readonly numerics: Numerics;
  readonly engines: readonly Engine[];
}

export async function openJob(config: WorkerConfig, deps: OpenDeps): Promise<OpenedJob> {
  const prepared = await readPrepared(config.preparedFolder, config.recipeHash);
  const base = await openBase(config, prepared, deps);
  const checkpoints = await openStoreAt(config.checkpoint.store, deps);
  const setup = setupFor(config, prepared, base);
  const engines = await Promise.all(Array.from({ length: config.engines }, () => createEngine(setup)));
  const beginning = initialState(initialAdapter(prepared.recipe.method, sitesOf(base.spec)));
  const { recipe, tokens } = prepared;
  const numerics = await fingerprint(recipe, createTrainee({ recipe, tokens, engines, state: beginning }), deps.signal);
  deps.log.info('numerics', { ...numerics });
  const found = await loadLatestCheckpoint(checkpoints, {
    recipeHash: prepared.hash,
    numerics,
    vectorLength: recipe.layout.length,
    warn: (reason) => deps.log.warn(reason.message, { code: reason.code }),
    signal: deps.signal,
  });
  return { prepared, base, checkpoints, state: found ?? beginning, numerics, engines };
}

export const openStoreAt = ({ url, endpoint, region }: StoreReference, { clock }: { clock: Clock }): Promise<Store> =>
  openStore(url, { endpoint, region }, { clock });

async function openBase({ baseFolder, cacheFolder }: WorkerConfig, prepared: PreparedJob, deps: OpenDeps) {
  const { clock, log, signal } = deps;
  const opened = await resolveBase(
    { sources: [baseFolder] },
    {
      cacheDirectory: cacheFolder,
      hub: hubSettings({}),
      openStore: (url) => openStore(url, {}, { clock }),
      python: null,
      workingFolder: '/',
      clock,
      log,
      signal,
    },
  );
  const expected = prepared.recipe.base.sha256;
  if (opened.sha256 !== expected) fail('BaseChanged', { folder: baseFolder, expected, found: opened.sha256 });
  // The folder is a copy on this machine: where the base came from stands in the job's record.
  return { ...opened, ...prepared.record.base };
}

/** A launcher that shares a machine among workers has chosen for them; a worker alone takes what its own memory allows. */
function setupFor(
  { engines, strategy, memoryBudgetBytes }: WorkerConfig,
  { recipe }: PreparedJob,
  base: Base,
): EngineSetup {
  if (strategy) return engineSetup(recipe, base, strategy);
  const availableBytes = Math.min(availableMemory(), memoryBudgetBytes ?? Number.POSITIVE_INFINITY);
  const chosen = chooseStrategy(engineSetup(recipe, base, 'whole'), recipe.shapes, { engines, availableBytes });
  return engineSetup(recipe, base, chosen.strategy);
}
