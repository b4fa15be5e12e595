import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../common/root.js';
import { World } from '../test/support/world.js';

// Each file: what happens to a few simulated workers, a line `----`, and all that follows. UPDATE=1 rewrites the second part:
// commit such a change only if you understand the diff.
const folder = join(packageRoot(), 'elastic/testdata');
const divider = '----\n';

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt')))
  test(`the transcript ${file} is what happens`, () => {
    const path = join(folder, file);
    const [commands, expected = ''] = readFileSync(path, 'utf8').split(divider) as [string, string?];
    const actual = replay(commands);
    if (process.env.UPDATE === '1') writeFileSync(path, `${commands}${divider}${actual}`);
    else assert.equal(actual, expected);
  });

/** `setup workers=3 steps=2 leaves=6 shards=3`, then lines `at MS crash|pause|slow|cut|leave|join|oracle ...`. */
function replay(commands: string): string {
  const lines: string[] = [];
  const [setup, ...faults] = commands.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const numbers = Object.fromEntries(
    setup!
      .split(' ')
      .slice(1)
      .map((pair) => pair.split('=')),
  ) as Record<string, string>;
  const leaves = Array.from({ length: Number(numbers.leaves) }, (_, index) => ({ index, cost: 10 }));
  const world = new World({
    workers: Number(numbers.workers),
    steps: Number(numbers.steps),
    shards: Number(numbers.shards),
    leavesOf: () => leaves,
    random: () => 0.5,
    latencyMs: 1,
    trace: (line) => {
      if (!/-> (add|drop)| (taken|covered) by /.test(line)) lines.push(line);
    },
  });
  for (const fault of faults) {
    const [, atMs, kind, who, ...rest] = fault.split(' ') as [string, string, string, string, ...string[]];
    world.after(Number(atMs), () => {
      lines.push(`${atMs} ==== ${fault.split(' ').slice(2).join(' ')}`);
      if (kind === 'crash') world.crash(who);
      else if (kind === 'leave') world.leave(who);
      else if (kind === 'join') world.join();
      else if (kind === 'pause') world.pause(who, Number(rest[0]));
      else if (kind === 'slow') world.workers.get(who)!.slowness = Number(rest[0]);
      else if (kind === 'cut') world.block(who, rest[0]!, Number(rest[1]));
      else assert.fail(`unknown command ${kind}`);
    });
  }
  world.run(60_000);
  assert.deepEqual(world.problems, []);
  return `${lines.join('\n')}\n`;
}
