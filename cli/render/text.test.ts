import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aTerminal } from '../../test/support/aCli.js';
import type { CliEvent, ProgressEvent } from '../events.js';
import { jsonRenderer } from './json.js';
import { lossCurve } from './lossCurve.js';
import { textRenderer } from './text.js';
import { bytesText, durationText, lossText } from './units.js';

const progress = (step: number, loss: number | null = 4 / step): ProgressEvent => ({
  event: 'progress',
  step,
  steps: 40,
  loss,
  tokensPerSecond: 1234.5,
  etaSeconds: 40 - step,
  rssBytes: 1.5 * 2 ** 30,
  workers: 2,
});

test('phases, reports, warnings and worker logs are lines; results go to standard output, the way there to standard error', () => {
  const terminal = aTerminal();
  const renderer = textRenderer(terminal);
  const events: CliEvent[] = [
    { event: 'phase', phase: 'read the base', state: 'started' },
    { event: 'phase', phase: 'read the base', state: 'ended', detail: '135 M parameters', seconds: 1.25 },
    { event: 'report', title: 'data', lines: ['96 rows', '5,200 tokens'], data: { rows: 96, tokens: 5200 } },
    { event: 'warning', message: 'only 24 steps', remedy: 'raise epochs' },
    { event: 'log', worker: 'worker-1', file: 'logs/worker-1.log', lines: ['a', 'b'] },
    { event: 'result', fields: { steps: 24 }, lines: ['24 steps'] },
  ];
  for (const event of events) renderer.event(event);
  assert.deepEqual(terminal.text, {
    out: 'data\n  96 rows\n  5,200 tokens\n24 steps\n',
    err: [
      '> read the base',
      'done read the base: 135 M parameters (1.3 s)',
      'warning only 24 steps; raise epochs',
      'last lines of worker-1 (logs/worker-1.log):',
      '  | a',
      '  | b',
      '',
    ].join('\n'),
  });
});

test('in a terminal progress is one line that is rewritten, and cleared before anything else', () => {
  const terminal = aTerminal({ interactive: true, columns: 100 });
  const renderer = textRenderer(terminal);
  renderer.event(progress(10, 2.3456));
  renderer.event({ event: 'warning', message: 'slow' });
  const facts = 'step 10/40  loss 2.346  1,235 tok/s  ETA 30 s  1.5 GiB  2 workers';
  const filled = '#'.repeat(8);
  assert.equal(terminal.text.err, `\r\u001b[2K[${filled}${'.'.repeat(22)}] ${facts}\r\u001b[2Kwarning slow\n`);
});

test('a narrow terminal gets no bar and no line break', () => {
  const terminal = aTerminal({ interactive: true, columns: 30 });
  textRenderer(terminal).event(progress(10, 2.3456));
  assert.equal(terminal.text.err, '\r\u001b[2Kstep 10/40  loss 2.346  1,235');
});

test('into a file progress is the first step and one line per twentieth', () => {
  const terminal = aTerminal();
  const renderer = textRenderer(terminal);
  for (let step = 1; step <= 40; step++) renderer.event(progress(step));
  const steps = [...terminal.text.err.matchAll(/^step (\d+)\/40/gm)].map(([, step]) => Number(step));
  assert.deepEqual(steps, [1, ...Array.from({ length: 20 }, (_, index) => (index + 1) * 2)]);
});

test('a result after progress shows the loss curve', () => {
  const terminal = aTerminal();
  const renderer = textRenderer(terminal);
  for (let step = 1; step <= 3; step++) renderer.event(progress(step));
  renderer.event({ event: 'result', fields: {}, lines: ['trained'] });
  assert.match(terminal.text.err, /loss over 3 steps\n\s+4\.000 ┼╮/);
  assert.equal(terminal.text.out, 'trained\n');
});

test('the loss curve averages what does not fit and leaves out what is not finite', () => {
  const losses = Array.from({ length: 500 }, (_, step) => (step === 7 ? Number.NaN : 5 - step / 100));
  const curve = lossCurve(losses, 60);
  assert.equal(curve[0], 'loss over 500 steps');
  assert.ok(curve.every((line) => line.length <= 60 && !line.includes('NaN')));
  assert.equal(curve.length, 11);
  assert.deepEqual(lossCurve([1], 60), []);
});

test('JSON is one object per line with the same facts', () => {
  const terminal = aTerminal();
  const renderer = jsonRenderer(terminal);
  renderer.event({ event: 'report', title: 'data', lines: ['96 rows'], data: { rows: 96 } });
  renderer.event(progress(1, null));
  renderer.event({ event: 'result', fields: { adapterSha256: 'ab', steps: 24 }, lines: ['24 steps'] });
  assert.deepEqual(
    terminal.text.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { event: 'report', title: 'data', rows: 96 },
      progress(1, null),
      { event: 'result', adapterSha256: 'ab', steps: 24 },
    ],
  );
});

test('amounts are short and keep their unit', () => {
  assert.deepEqual([0, 1023, 1536, 340 * 2 ** 20, 1.25 * 2 ** 30].map(bytesText), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '340 MiB',
    '1.3 GiB',
  ]);
  assert.deepEqual([0.04, 8.34, 42.4, 59.97, 65, 7389].map(durationText), [
    '0.0 s',
    '8.3 s',
    '42 s',
    '1:00',
    '1:05',
    '2:03:09',
  ]);
  assert.deepEqual([2.34567, 0.0123, Number.NaN].map(lossText), ['2.346', '0.01230', 'NaN']);
});
