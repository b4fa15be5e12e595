import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { packageRoot } from '../../common/root.js';
import { exportArtifacts } from '../../worker/artifacts/export.js';
import { resolveBase } from '../../worker/model/resolve.js';
import { hubSettings } from '../../worker/model/sources/hubSettings.js';
import { openStore } from '../../worker/store/open.js';
import { anAdapter, aRecord, untrained } from '../support/anAdapter.js';
import { exportCases, exportOf } from '../support/exportCases.js';

/**
 * `npm run test:peer`: writes the exports of test/support/exportCases.ts and lets PEFT and gguf-py read them.
 * When they agree, the hashes of what they read go into test/golden/artifacts/checked.json, which npm test compares with.
 * Then an adapter of the quickstart's base goes through PEFT and llama.cpp.
 * PEER_PYTHON names a Python with torch, transformers, peft, gguf and xllamacpp.
 */
async function main(): Promise<void> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'espalier');
  const python = process.env.PEER_PYTHON ?? join(cache, 'peer/bin/python');
  if (!existsSync(python))
    throw new Error(
      `no Python at ${python}. Run: uv venv ${join(cache, 'peer')} && uv pip install --python ${python} torch transformers peft safetensors gguf xllamacpp`,
    );
  const root = packageRoot();
  const folder = await mkdtemp(join(tmpdir(), 'espalier-peer-'));
  try {
    const exports: Record<string, unknown> = {};
    for (const name of Object.keys(exportCases)) exports[name] = await exportOf(name, join(folder, name));
    const bases = Object.entries(exportCases).map(([name, { base }]) => [name, base]);
    await writeFile(join(folder, 'cases.json'), JSON.stringify(Object.fromEntries(bases)));
    const peer = (script: string, ...args: string[]) => run(python, [join(root, 'test/peer', script), ...args], root);
    await peer('check_exports.py', folder, join(root, 'test/golden/models'));
    const checked = { script: 'npm run test:peer', exports };
    await writeFile(join(root, 'test/golden/artifacts/checked.json'), `${JSON.stringify(checked, null, 1)}\n`);
    const gguf = join(cache, 'base/SmolLM2-135M-Instruct.Q4_1.gguf');
    if (!existsSync(gguf)) throw new Error(`no ${gguf}. Run: npm run quickstart, which fetches it`);
    const base = await exportOfRealBase(gguf, cache, join(folder, 'real'));
    await peer('check_adapter.py', join(folder, 'real'), base, '--gguf-base', gguf);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the float32 folder of the base, for PEFT. */
async function exportOfRealBase(gguf: string, cache: string, folder: string): Promise<string> {
  const base = await resolveBase(
    { sources: [gguf] },
    {
      cacheDirectory: cache,
      hub: hubSettings(process.env),
      openStore: (url) => openStore(url),
      python: null,
      workingFolder: '.',
      clock: systemClock,
      log: silentLogger,
    },
  );
  const adapter = anAdapter(base.spec, { rank: 8, alpha: 4 });
  await exportArtifacts({ folder, base, adapter, initial: untrained(adapter), merged: true, record: aRecord() });
  return base.directory;
}

function run(command: string, args: readonly string[], root: string): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', failed);
    child.on('exit', (code) => (code === 0 ? done() : failed(new Error(`${args[1]} ended with ${code}`))));
  });
}

await main();
