import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outputs } from '../../api/generate/outputs.js';
import { packageRoot } from '../../common/root.js';
import { rbacOutputs } from '../../controller/cluster/kube/rbac.js';

for (const [path, text] of [...outputs(), ...rbacOutputs()]) {
  test(`${path} is what npm run generate writes`, () => {
    const committed = readFileSync(join(packageRoot(), path), 'utf8');
    assert.ok(committed === text, `${path} is stale; run: npm run generate\n${firstDifference(committed, text)}`);
  });
}

function firstDifference(committed: string, fresh: string): string {
  const [old, now] = [committed.split('\n'), fresh.split('\n')];
  const line = now.findIndex((text, index) => text !== old[index]);
  const at = line < 0 ? now.length : line;
  return `line ${at + 1}\n- ${old[at] ?? '(end)'}\n+ ${now[at] ?? '(end)'}`;
}
