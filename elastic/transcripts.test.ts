import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../common/root.js';
import { play, type Schedule, verdict } from '../test/support/schedule.js';
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

/** Wanted in transcripts: everything but what happens all the time. */
const isTold = (line: string): boolean => !/-> (add|drop)| (taken|covered) by /.test(line);

/** `schedule {...}`: a plan that a property test once failed on. */
function replaySchedule(plan: string): string {
  const lines: string[] = [];
  const world = play(JSON.parse(plan) as Schedule, (line) => isTold(line) && lines.push(line));
  assert.deepEqual(verdict(world), { problems: [], unfinished: [] });
  return `${lines.join('\n')}\n`;
}

/** `setup workers=3 steps=2 leaves=6 shards=3`, then lines `at MS crash|pause|slow|cut|leave|join|oracle ...`. */
function replay(commands: string): string {
  const lines: string[] = [];
  const [setup, ...faults] = commands.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (setup!.startsWith('schedule ')) return replaySchedule(setup!.slice('schedule '.length));
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
      if (isTold(line)) lines.push(line);
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
