import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import { exportCases, exportOf } from '../support/exportCases.js';
import { run } from './process.js';

/**
 * The exports of test/support/exportCases.ts (every family, unlike settings) in PEFT and gguf-py. When they agree, the
 * hashes of what they read go into test/golden/artifacts/checked.json, which `npm test` compares with.
 */
export async function checkTinyExports(python: string, folder: string): Promise<string> {
  const root = packageRoot();
  await mkdir(folder, { recursive: true });
  const exports: Record<string, unknown> = {};
  for (const name of Object.keys(exportCases)) exports[name] = await exportOf(name, join(folder, name));
  const bases = Object.entries(exportCases).map(([name, { base }]) => [name, base]);
  await writeFile(join(folder, 'cases.json'), JSON.stringify(Object.fromEntries(bases)));
  const printed = await run(python, [
    join(root, 'test/peer/check_exports.py'),
    folder,
    join(root, 'test/golden/models'),
  ]);
  const checked = { script: 'npm run test:peer', exports };
  await writeFile(join(root, 'test/golden/artifacts/checked.json'), `${JSON.stringify(checked, null, 1)}\n`);
  return printed;
}
