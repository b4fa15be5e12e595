import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meter } from './meter.js';

test('bytes that move while a leaf is computed are the exchange that hides', () => {
  let nowMs = 0;
  const meter = new Meter({ now: () => nowMs, monotonic: () => nowMs, sleep: async () => {} });
  meter.leafStarted();
  meter.sent(100);
  meter.received(50);
  nowMs = 80;
  meter.leafEnded();
  meter.leafCounted();
  meter.received(200);
  nowMs = 100;
  const step = { step: 3, lossSum: 1, members: 2, view: 1 };
  assert.deepEqual(meter.report(step), {
    ...step,
    leavesComputedHere: 1,
    bytesSent: 100,
    bytesReceived: 250,
    hiddenBytes: 150,
    stepMs: 100,
    computeMs: 80,
    waitMs: 20,
  });
  assert.equal(meter.report(step).hiddenBytes, 0);
});
