import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { fail } from '../api/errors.js';
import { runInProcess } from '../test/support/aCli.js';
import { defineCommand, flag, positional, toggle } from './command.js';

/** Tells its arguments back. */
const echo = defineCommand({
  name: 'echo',
  summary: 'tell the arguments',
  args: z.strictObject({
    file: positional(z.string(), 'FILE', 'a file'),
    maxSteps: flag(z.coerce.number().int().min(1).max(9).optional(), 'N', 'how many steps'),
    fast: toggle('hurry'),
    set: flag(z.array(z.string()).default([]), 'PATH=VALUE', 'overrides'),
    level: flag(z.enum(['low', 'high']).default('low'), 'LEVEL', 'how high'),
  }),
  async *run(args) {
    yield { event: 'result', fields: { args }, lines: ['told'] };
  },
});
const list = defineCommand({
  name: 'box ls',
  summary: 'list',
  args: z.strictObject({ names: positional(z.array(z.string()).default([]), 'NAME', 'names') }),
  async *run({ names }) {
    yield { event: 'result', fields: { names }, lines: names };
  },
});
const broken = defineCommand({
  name: 'broken',
  summary: 'fail',
  args: z.strictObject({ how: positional(z.string(), 'HOW', 'how') }),
  async *run({ how }, { signal }) {
    yield { event: 'warning', message: 'about to fail' };
    if (how === 'coded') fail('BaseMissing', { source: './model' });
    if (how === 'aborted') throw signal.reason;
    throw new TypeError('x is not a function');
  },
});
const commands = [echo, list, broken];
const run = (...argv: string[]) => runInProcess(argv, { commands });
const told = async (...argv: string[]) => {
  const { exit, out } = await run(...argv, '--json');
  return { exit, ...(JSON.parse(out.trim().split('\n').at(-1)!) as Record<string, unknown>) };
};

test('arguments are typed: positionals, values, switches, repeated flags, defaults', async () => {
  const { args } = (await told('echo', '--set', 'a=1', 'job.yaml', '--max-steps=3', '--set=b=2', '--fast')) as {
    args?: unknown;
  };
  assert.deepEqual(args, { file: 'job.yaml', maxSteps: 3, fast: true, set: ['a=1', 'b=2'], level: 'low' });
});

test('a command of two words takes all remaining words', async () => {
  assert.deepEqual(await told('box', 'ls', 'a', 'b'), { exit: 0, event: 'result', names: ['a', 'b'] });
});

test('each wrong word is one coded error with exit code 2 and what to write instead', async () => {
  const said = async (...argv: string[]) => {
    const { exit, name, message, remedy } = (await told(...argv)) as Record<string, unknown>;
    return [exit, name, message, remedy];
  };
  const usage = 'usage: espalier echo FILE [--max-steps N] [--fast] [--set PATH=VALUE]... [--level LEVEL] [--json]';
  const argument = (message: string) => [2, 'ArgumentInvalid', `espalier echo: ${message}`, usage];
  assert.deepEqual(await said(), [2, 'CommandUnknown', 'no command given', 'see espalier --help']);
  assert.deepEqual(await said('ehco'), [2, 'CommandUnknown', 'no command ehco', 'did you mean echo?']);
  assert.deepEqual(await said('zebra'), [2, 'CommandUnknown', 'no command zebra', 'see espalier --help']);
  assert.deepEqual(await said('box'), [2, 'CommandUnknown', 'no command box', 'did you mean box ls?']);
  assert.deepEqual(await said('box', 'lx'), [2, 'CommandUnknown', 'no command box lx', 'did you mean box ls?']);
  assert.deepEqual(await said('echo', 'f', '--max-step', '3'), [
    2,
    'FlagUnknown',
    'espalier echo has no flag --max-step',
    'did you mean --max-steps?',
  ]);
  assert.deepEqual(await said('echo', 'f', '-q'), [
    2,
    'FlagUnknown',
    'espalier echo has no flag -q',
    'see espalier echo --help',
  ]);
  assert.deepEqual(await said('echo'), argument('FILE is missing'));
  assert.deepEqual(await said('echo', 'f', 'g'), argument('g is one argument too many'));
  assert.deepEqual(await said('echo', 'f', '--max-steps'), argument('--max-steps needs N'));
  assert.deepEqual(
    await said('echo', 'f', '--max-steps', 'x'),
    argument('--max-steps is x, not a whole number from 1 to 9'),
  );
  assert.deepEqual(await said('echo', 'f', '--max-steps=1', '--max-steps=2'), argument('--max-steps is given twice'));
  assert.deepEqual(await said('echo', 'f', '--fast=yes'), argument('--fast takes no value'));
  assert.deepEqual(await said('echo', 'f', '--level', 'mid'), argument('--level is mid, not one of low or high'));
});

test('help lists the commands, and of one command its arguments; nothing else is run', async () => {
  const overview = await run('--help');
  assert.equal(overview.exit, 0);
  assert.match(overview.out, /^ {2}echo {4}tell the arguments\n {2}box ls {2}list\n {2}broken {2}fail$/m);
  assert.deepEqual(await run('echo', '--help'), {
    exit: 0,
    err: '',
    out: `usage: espalier echo FILE [--max-steps N] [--fast] [--set PATH=VALUE]... [--level LEVEL] [--json]

tell the arguments

  FILE              a file
  --max-steps N     how many steps
  --fast            hurry
  --set PATH=VALUE  overrides
  --level LEVEL     how high (low)
  --json            print one JSON object per line instead of text
`,
  });
  assert.deepEqual(await run('--version'), { exit: 0, out: '1.2.3\n', err: '' });
});

test('a coded failure is the last thing said and gives its exit code', async () => {
  assert.deepEqual(await run('broken', 'coded'), {
    exit: 2,
    out: '',
    err: [
      'warning about to fail',
      'error ESP-2001 BaseMissing: no base at ./model',
      '  remedy give a Hugging Face folder, a .gguf file, hf://owner/name or s3://bucket/prefix',
      '',
    ].join('\n'),
  });
  const { out } = await run('broken', 'coded', '--json');
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { event: 'warning', message: 'about to fail' },
      {
        event: 'error',
        code: 'ESP-2001',
        name: 'BaseMissing',
        message: 'no base at ./model',
        remedy: 'give a Hugging Face folder, a .gguf file, hf://owner/name or s3://bucket/prefix',
        facts: { source: './model' },
      },
    ],
  );
});

test('an unexpected failure is ours: Internal, exit 70, with the stack', async () => {
  const { exit, name, message } = (await told('broken', 'oops')) as Record<string, unknown>;
  assert.deepEqual([exit, name], [70, 'Internal']);
  assert.match(String(message), /^TypeError: x is not a function\n\s+at /);
});

test('an aborted command is Interrupted, exit 130', async () => {
  const abort = new AbortController();
  abort.abort(new DOMException('SIGINT received', 'AbortError'));
  const { exit, err } = await runInProcess(['broken', 'aborted'], { commands, deps: { signal: abort.signal } });
  assert.equal(exit, 130);
  assert.match(err, /error ESP-9005 Interrupted: interrupted\n {2}remedy nothing was left half done; run it again\n$/);
});
