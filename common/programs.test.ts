import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Program, programUrl } from './programs.js';

/** What each says when it is told nothing at all. */
const lost: Readonly<Partial<Record<Program, RegExp>>> = {
  controller: /"code":"ESP-9309"/,
  worker: /"code":"ESP-\d{4}"|ENOENT/,
  pod: /ENOENT[^\n]*job\.json/,
  preflight: /ENOENT[^\n]*job\.json/,
};

for (const [program, words] of Object.entries(lost))
  test(`the bundled ${program} starts, and ends by saying what it lacks`, async () => {
    const argv = [fileURLToPath(programUrl(program as Program))];
    const said = await new Promise<string>((resolve) => {
      execFile(process.execPath, argv, { env: {} }, (_error, _out, err) => resolve(err));
    });
    assert.match(said, words);
    assert.doesNotMatch(said, /SyntaxError|ReferenceError|Cannot find/);
  });
