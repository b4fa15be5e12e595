import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { cacheDirectory } from '../../cli/cacheDirectory.js';
import { packageRoot } from '../../common/root.js';
import type { RunRecord } from '../../worker/artifacts/record.js';
import type { Base } from '../../worker/model/base.js';
import { openBase } from '../support/preparing.js';
import { checkPublished, checkTheirs } from './published.js';
import { checkTinyExports } from './tinyExports.js';

// `npm run test:peer [-- ADAPTER]`: other programs read what Espalier wrote, and Espalier reads what PEFT wrote. ADAPTER is
// a published folder; without it, that of the last run in .espalier/runs. PEER_PYTHON names the peers' Python.

const cache = cacheDirectory({ HOME: homedir(), ...process.env });
const python = process.env.PEER_PYTHON ?? join(cache, 'peer/bin/python');
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(given: string | undefined): Promise<void> {
  const adapter = given === undefined ? await lastPublished() : resolve(given);
  const { base: trainedOn } = JSON.parse(await readFile(join(adapter, 'espalier.json'), 'utf8')) as RunRecord;
  const base = await openBase([trainedOn.source], cache);
  if (base.sha256 !== trainedOn.sha256)
    throw new Error(`${adapter} was trained on ${trainedOn.sha256}, ${trainedOn.source} is now ${base.sha256}`);
  const folder = await mkdtemp(join(tmpdir(), 'espalier-peer-'));
  try {
    const places = { python, folder };
    say(`${adapter}, logits and greedy tokens:`);
    say((await checkPublished(adapter, base, await ggufOf(base), places)).trim());
    say('adapters made by PEFT, largest difference of logits:');
    say(JSON.stringify(await checkTheirs(base, places)));
    say('exports of every family:');
    say((await checkTinyExports(python, join(folder, 'tiny'))).trim());
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The newest published folder of this checkout. */
async function lastPublished(): Promise<string> {
  const runs = join(packageRoot(), '.espalier/runs');
  const names = existsSync(runs) ? await readdir(runs) : [];
  const found: { readonly folder: string; readonly writtenMs: number }[] = [];
  for (const name of names) {
    const folder = join(runs, name, 'artifacts');
    if (existsSync(join(folder, 'espalier.json'))) found.push({ folder, writtenMs: (await stat(folder)).mtimeMs });
  }
  const newest = found.sort((left, right) => right.writtenMs - left.writtenMs)[0];
  if (!newest) throw new Error(`no published adapter in ${runs}. Run: npm run quickstart, or name a folder`);
  return newest.folder;
}

/** The GGUF file that a base came from, for llama.cpp; undefined when it came from elsewhere. */
async function ggufOf({ source }: Base): Promise<string | undefined> {
  if (!source.endsWith('.gguf')) return undefined;
  if (!source.startsWith('pypi://')) return resolve(source);
  const wheels = join(cache, 'wheels');
  const files = await readdir(wheels, { recursive: true });
  const file = files.find((candidate) => candidate.endsWith(source.slice(source.lastIndexOf('/') + 1)));
  if (file === undefined) throw new Error(`${source} is not in ${wheels}. Run: npm run quickstart, which fetches it`);
  return join(wheels, file);
}

await main(process.argv[2]);
