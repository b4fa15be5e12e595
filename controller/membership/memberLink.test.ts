import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { Client, Connection } from '../../proto/transport.js';
import { MemberLink } from './memberLink.js';

/** A clock that is always at the end of the next sleep: time passes as fast as somebody waits. */
function rushingClock(untilMs: number, onEnd: () => void): Clock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    async sleep(delayMs, signal) {
      signal?.throwIfAborted();
      nowMs += delayMs;
      if (nowMs >= untilMs) onEnd();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const refused = () => new EspalierError('PeerUnreachable', { address: '127.64.0.1:7600', what: 'refused' });

/** A worker that answers while `answers` says so; counts what reaches it. */
function aWorker(answers: () => boolean) {
  const counts = { connects: 0, open: 0, views: 0, watches: 0 };
  const worker: Partial<Client<'Worker'>> = {
    async setView() {
      counts.views += 1;
      if (!answers()) throw refused();
      return {} as never;
    },
    async *watchEvents(_request, { signal } = {}) {
      counts.watches += 1;
      if (!answers()) throw refused();
      await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    },
  };
  const connect = (): Connection => {
    counts.connects += 1;
    counts.open += 1;
    return {
      client: () => worker as never,
      close: () => {
        counts.open -= 1;
      },
    };
  };
  return { counts, connect };
}

const open = (
  clock: Clock,
  connect: () => Connection,
  heard: { onAppeared?: () => void; onLost?: () => void; reach?: () => Promise<void> } = {},
) =>
  new MemberLink({
    member: { id: 'a', address: '127.64.0.1:7600' },
    connect,
    view: () => undefined,
    clock,
    log: silentLogger,
    onAppeared: heard.onAppeared ?? (() => {}),
    onLost: heard.onLost ?? (() => {}),
    reach: heard.reach,
    onEvent: () => {},
  });

test('no connection is made to an address where nobody listens', async () => {
  const { counts, connect } = aWorker(() => true);
  let asked = 0;
  const reach = async () => {
    asked += 1;
    if (asked < 5) throw refused();
  };
  const appeared = new Promise<void>((resolve) => {
    const clock = rushingClock(Number.POSITIVE_INFINITY, () => {});
    const link = open(clock, connect, { reach, onAppeared: () => void link.close().then(resolve) });
  });
  await appeared;
  assert.deepEqual([asked, counts.connects, counts.open], [5, 1, 0]);
});

test('an address where nobody answers is dialled ever more seldom, and nothing is kept open for it', async () => {
  const { counts, connect } = aWorker(() => false);
  const hour = new Promise<void>((resolve) => {
    const link = open(
      rushingClock(3_600_000, () => void link.close().then(resolve)),
      connect,
    );
  });
  await hour;
  // 1, 2, 4, 8 s, then every 15 s: 4 a minute instead of 300.
  assert.ok(counts.views <= 250, `${counts.views} calls in an hour`);
  assert.ok(counts.views >= 230, `${counts.views} calls in an hour`);
  assert.deepEqual([counts.watches, counts.open], [0, 0]);
  assert.equal(counts.connects, counts.views);
});

test('a member that is lost and comes back is told so, over a new connection', async () => {
  let isThere = true;
  const { counts, connect } = aWorker(() => isThere);
  const seen: string[] = [];
  const done = new Promise<void>((resolve) => {
    const link = open(
      rushingClock(Number.POSITIVE_INFINITY, () => {}),
      connect,
      {
        onAppeared: () => {
          seen.push('appeared');
          if (seen.length === 1) isThere = false;
          else void link.close().then(resolve);
        },
        onLost: () => {
          seen.push('lost');
          isThere = true;
        },
      },
    );
  });
  await done;
  assert.deepEqual(seen, ['appeared', 'lost', 'appeared']);
  assert.deepEqual([counts.connects, counts.open], [2, 0]);
});
