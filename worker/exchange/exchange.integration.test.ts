import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toyFleet } from '../../test/support/toyFleet.js';

const orders = { recipe: { steps: 20, leaves: 8, shards: 4, shardLength: 4096 }, leafMs: 15 };

async function train(count: number): Promise<string> {
  const fleet = await toyFleet(count, orders);
  try {
    const results = await Promise.all(fleet.processes.map(({ result }) => result));
    const hashes = new Set(results.map((result) => result?.sha256));
    assert.deepEqual([hashes.size, results.map((result) => result?.nextStep)], [1, results.map(() => 20)]);
    return results[0]!.sha256;
  } finally {
    await fleet.close();
  }
}

test('1, 2, 3 and 5 processes over gRPC train to one SHA-256', async () => {
  const hashes: string[] = [];
  for (const count of [1, 2, 3, 5]) hashes.push(await train(count));
  assert.deepEqual(
    hashes,
    hashes.map(() => hashes[0]),
  );
});

test('one of four processes is killed in the middle: the others do not restart, and the SHA-256 is the same', async (t) => {
  const expected = await train(1);
  const fleet = await toyFleet(4, orders);
  t.after(() => fleet.close());
  await fleet.committed(8);
  fleet.processes[1]!.child.kill('SIGKILL');
  const results = await Promise.all(fleet.processes.map(({ result }) => result));
  assert.equal(results[1], undefined);
  const living = results.filter((result) => result !== undefined);
  assert.deepEqual(
    living.map(({ sha256 }) => sha256),
    [expected, expected, expected],
  );
  assert.ok(!fleet.oracle.leftOnPurpose('w1'));
  // Each of them committed every step itself, once.
  assert.deepEqual(
    living.map(({ reports }) => reports.length),
    [20, 20, 20],
  );
});

test('a process is asked to stop and another one joins, while training goes on to the same SHA-256', async (t) => {
  const expected = await train(1);
  // However slow the newcomer is: the second half waits for its work.
  const fleet = await toyFleet(2, { ...orders, gateStep: 10 });
  t.after(() => fleet.close());
  await fleet.committed(3);
  fleet.processes[0]!.child.kill('SIGTERM');
  const late = await fleet.add('late');
  await fleet.joined('late');
  await fleet.computed('late');
  await fleet.openGate();
  const [left, stayed, joined] = await Promise.all(
    [fleet.processes[0]!, fleet.processes[1]!, late].map(({ result }) => result),
  );
  assert.ok(left!.nextStep <= 10);
  assert.ok(fleet.oracle.leftOnPurpose('w0'));
  assert.deepEqual([stayed!.sha256, joined!.sha256], [expected, expected]);
  assert.ok(joined!.reports.some(({ leavesComputedHere }) => leavesComputedHere > 0));
});
