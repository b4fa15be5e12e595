import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeApi } from './kubeApi.js';
import { followLog, type LogOptions } from './podLog.js';

/** What one request for the log brings: its lines, and whether the connection breaks after them. */
interface Answer {
  readonly lines: readonly string[];
  readonly breaks?: true;
  /** How the pod is seen afterwards. */
  readonly leaves?: ReturnType<LogOptions['stateOf']>;
}

async function told(answers: readonly Answer[]): Promise<readonly string[]> {
  const lines: string[] = [];
  let state: ReturnType<LogOptions['stateOf']> = 'alive';
  let next = 0;
  const api: KubeApi = {
    get: () => Promise.reject(new Error('not asked for')),
    send: () => Promise.reject(new Error('not asked for')),
    async *lines() {
      const { lines: these, breaks, leaves } = answers[next++]!;
      yield* these;
      state = leaves ?? state;
      if (breaks) throw new Error('connection reset');
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const signal = AbortSignal.timeout(60_000);
  const onLine = (line: string) => lines.push(line);
  await followLog({ api, namespace: 'n', pod: 'p', signal, stateOf: () => state, onLine });
  assert.equal(next, answers.length);
  return lines;
}

test('a log that breaks off is read again until the pod is gone, and each line is told once', async () => {
  const lines = await told([
    { lines: ['a', 'b'], breaks: true },
    { lines: [], breaks: true },
    { lines: ['a', 'b', 'c'], breaks: true },
    { lines: ['a', 'b', 'c', 'd'], breaks: true, leaves: 'gone' },
  ]);
  assert.deepEqual(lines, ['a', 'b', 'c', 'd']);
});

test('the end of a connection is no end of the log: what an ended pod wrote is read once more', async () => {
  const lines = await told([{ lines: ['a'] }, { lines: ['a', 'b'], leaves: 'ended' }, { lines: ['a', 'b', 'c'] }]);
  assert.deepEqual(lines, ['a', 'b', 'c']);
});
