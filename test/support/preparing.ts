import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { Base } from '../../worker/model/base.js';
import { resolveBase } from '../../worker/model/resolve.js';
import { hubSettings } from '../../worker/model/sources/hubSettings.js';
import type { PrepareDeps } from '../../worker/preflight/prepare.js';
import { openStore } from '../../worker/store/open.js';

/** To prepare a job that needs no secret, as `espalier run` does, without telling anybody. */
export const quietPreparation = (workingFolder: string, cacheDirectory: string): PrepareDeps => ({
  workingFolder,
  cacheDirectory,
  env: {},
  secretOf: () => undefined,
  clock: systemClock,
  log: silentLogger,
  signal: AbortSignal.timeout(120_000),
  onPhase: () => {},
});

/** The first of these sources that answers, as a job on this machine would get it. */
export const openBase = (sources: readonly [string, ...string[]], cacheDirectory: string): Promise<Base> =>
  resolveBase(
    { sources },
    {
      cacheDirectory,
      hub: hubSettings(process.env),
      openStore: (url) => openStore(url, {}, { clock: systemClock }),
      python: 'python3',
      workingFolder: process.cwd(),
      clock: systemClock,
      log: silentLogger,
    },
  );
