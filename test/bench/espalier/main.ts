import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { initialAdapter } from '../../../worker/adapter/init.js';
import { sitesOf } from '../../../worker/adapter/sites.js';
import { createEngine } from '../../../worker/engine/createEngine.js';
import { createExchange } from '../../../worker/exchange/driver.js';
import { resolveBase } from '../../../worker/model/resolve.js';
import { hubSettings } from '../../../worker/model/sources/hubSettings.js';
import { engineSetup } from '../../../worker/recipe/engineSetup.js';
import type { Recipe } from '../../../worker/recipe/recipe.js';
import { decodeTokens } from '../../../worker/recipe/tokens.js';
import { openStore } from '../../../worker/store/open.js';
import { initialState } from '../../../worker/train/state.js';
import { createTrainee, recipeFacts } from '../../../worker/train/trainee.js';

// Our side of a comparison: a worker's engines, trainee and exchange as worker/run.ts puts them together, one optimizer
// step per line read from standard input (test/bench/side.ts).

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: '' },
    base: { type: 'string', default: '' },
    cache: { type: 'string', default: '' },
    engines: { type: 'string', default: '2' },
  },
});
const say = (what: object): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`);
};

const recipe = JSON.parse(await readFile(join(values.folder, 'recipe.json'), 'utf8')) as Recipe;
const tokens = decodeTokens(await readFile(join(values.folder, 'tokens.bin')));
const base = await resolveBase(
  { sources: [values.base] },
  {
    cacheDirectory: values.cache,
    hub: hubSettings({}),
    openStore: (url) => openStore(url, {}, { clock: systemClock }),
    python: null,
    workingFolder: '/',
    clock: systemClock,
    log: silentLogger,
  },
);
const state = initialState(initialAdapter(recipe.method, sitesOf(base.spec)));
const engines = await Promise.all(
  Array.from({ length: Number(values.engines) }, () => createEngine(engineSetup(recipe, base, 'whole'))),
);
const trainee = createTrainee({ recipe, tokens, engines, state });
const exchange = createExchange({
  self: 'bench',
  recipe: recipeFacts(recipe, 'bench'),
  trainee,
  clock: systemClock,
  log: silentLogger,
});
const trainable = recipe.layout.tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
say({ ready: true, trainable });

const { signal } = new AbortController();
for await (const _ of createInterface({ input: process.stdin })) {
  for await (const { step } of exchange.run({ untilStep: trainee.nextStep + 1, signal }))
    say({ step, loss: state.scalars.losses[step] });
}
await exchange.close();
await Promise.all(engines.map((engine) => engine.close()));
