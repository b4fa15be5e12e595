import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { connect } from '../../proto/call.js';
import { loadProtos } from '../../proto/load.js';
import { fixedCertificates } from '../../proto/tls.js';
import { accessOf, aJobResource, aStep } from '../../test/support/aJobResource.js';
import { aStatusServer } from '../../test/support/aStatusServer.js';
import type { Access } from './access.js';
import { JobIndex } from './jobIndex.js';

const rights = { root: ['*'], ann: ['team'], guest: [] };

function twoTeams(): JobIndex {
  const index = new JobIndex('e1');
  index.put(aJobResource('mine', { status: { state: 'Training' } }));
  index.put(aJobResource('theirs', { namespace: 'other' }));
  return index;
}

const names = (jobs: readonly { readonly name: string }[]) => jobs.map(({ name }) => name);
const nameOf = (error: unknown) => (error instanceof EspalierError ? error.name : String(error));

test('a job is told whole: state, reason, progress with its last point, workers, times', async () => {
  const index = new JobIndex('e1');
  const condition = { type: 'Ready', status: 'False', reason: 'Unschedulable', message: 'no node has a GPU' } as const;
  index.put(
    aJobResource('j', {
      status: {
        state: 'Pending',
        recipeHash: 'ab',
        conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }],
      },
    }),
  );
  const key = { namespace: 'team', name: 'j' };
  index.setWorkers(key, [{ uid: 'u0', id: 'w0', node: 'node-1', joined: true }]);
  index.observe(key, 'u0', aStep(4, 2.5));
  await using status = await aStatusServer(index, accessOf(rights));
  const job = await status.as('ann-token').client('Query').getJob(key);
  assert.deepEqual(
    { ...job, progress: { ...job.progress, last: job.progress?.last?.loss } },
    {
      namespace: 'team',
      name: 'j',
      uid: 'uid-j',
      generation: 1,
      state: 'Pending',
      reason: 'Unschedulable',
      message: 'no node has a GPU',
      progress: { step: 5, steps: 40, last: 2.5, remainingSeconds: 35 },
      workers: [
        {
          id: 'w0',
          node: 'node-1',
          joined: true,
          heardMs: 1_700_000_005_000,
          step: 4,
          leavesComputed: 2,
          computeMs: 700,
          waitMs: 300,
          peakRssBytes: 1e9,
        },
      ],
      checkpoints: [],
      artifacts: [],
      events: [],
      recipeHash: 'ab',
      createdMs: 1_700_000_000_000,
      finishedMs: 0,
      data: null,
      resolved: null,
      cost: null,
      best: null,
      attempt: 0,
      restarts: 0,
    },
  );
});

test('answers hold only what the caller may read, and what it may not read it cannot ask for', async () => {
  await using status = await aStatusServer(twoTeams(), accessOf(rights));
  const listed = async (token: string, namespace = '') =>
    names((await status.as(token).client('Query').listJobs({ namespace })).jobs);
  assert.deepEqual(await listed('root-token'), ['theirs', 'mine']);
  assert.deepEqual(await listed('ann-token'), ['mine']);
  assert.deepEqual(await listed('ann-token', 'team'), ['mine']);
  assert.deepEqual(await listed('guest-token'), []);
  await assert.rejects(listed('ann-token', 'other'), (error) => EspalierError.is(error, 'CallerForbidden'));
  const get = (token: string, namespace: string, name: string) =>
    status.as(token).client('Query').getJob({ namespace, name }).then(names1, nameOf);
  const names1 = ({ name }: { readonly name: string }) => name;
  assert.deepEqual(
    [
      await get('ann-token', 'other', 'theirs'),
      await get('ann-token', 'team', 'none'),
      await get('stranger-token', 'team', 'mine'),
      await get('', 'team', 'mine'),
      await get('ann-token', '', 'mine'),
    ],
    ['CallerForbidden', 'JobUnknown', 'CallerUnknown', 'CallerUnknown', 'QueryInvalid'],
  );
});

test('a watch over real gRPC tells what the caller may see, and resumes by its token', async () => {
  const index = twoTeams();
  await using status = await aStatusServer(index, accessOf(rights));
  const query = status.as('ann-token').client('Query');
  const abort = new AbortController();
  const changes = query.watchJobs({}, { signal: abort.signal })[Symbol.asyncIterator]();
  const next = async () =>
    (await changes.next()).value as { kind: string; job?: { name: string }; resumeToken: string };
  assert.equal((await next()).job?.name, 'mine');
  const synced = await next();
  assert.equal(synced.kind, 'SYNCED');
  index.put(aJobResource('theirs-2', { namespace: 'other' }));
  index.put(aJobResource('mine-2'));
  assert.equal((await next()).job?.name, 'mine-2');
  abort.abort(new Error('enough'));
  await assert.rejects(next(), /enough/);
  index.remove({ namespace: 'team', name: 'mine' });
  const told: string[] = [];
  for await (const { kind, job } of query.watchJobs({ resumeToken: synced.resumeToken })) {
    if (kind === 'SYNCED') break;
    told.push(`${kind} ${job?.name}`);
  }
  assert.deepEqual(told, ['ADDED mine-2', 'REMOVED mine']);
});

test('a right that is taken back ends the stream', async () => {
  const index = twoTeams();
  const granted: { team: string[] } = { team: ['team'] };
  await using status = await aStatusServer(index, {
    ...accessOf({}),
    identify: async () => ({ user: 'ann', uid: '', groups: [], extra: {} }),
    allowed: async (_caller, _verb, namespace) => granted.team.includes(namespace),
  });
  const query = status.as('t').client('Query');
  const changes = query.watchJobs({ namespace: 'team' })[Symbol.asyncIterator]();
  const points = query.watchMetrics({ namespace: 'team', name: 'mine' })[Symbol.asyncIterator]();
  await changes.next();
  await changes.next();
  index.observe({ namespace: 'team', name: 'mine' }, 'w', aStep(0));
  await points.next();
  await changes.next();
  granted.team = [];
  index.observe({ namespace: 'team', name: 'mine' }, 'w', aStep(1));
  assert.equal(await changes.next().catch(nameOf), 'CallerForbidden');
  assert.equal(await points.next().catch(nameOf), 'CallerForbidden');
});

test('metric points stream until the job ends', async () => {
  const index = twoTeams();
  const key = { namespace: 'team', name: 'mine' };
  for (const step of [0, 1]) index.observe(key, 'w', aStep(step));
  await using status = await aStatusServer(index, accessOf(rights));
  const told: string[] = [];
  for await (const { step, loss, learningRate, gradientNorm, tokensPerSecond } of status
    .as('ann-token')
    .client('Query')
    .watchMetrics({ ...key, afterStep: 0 })) {
    told.push([step, loss, learningRate, gradientNorm, tokensPerSecond].join(' '));
    if (step < 3) index.observe(key, 'w', aStep(step + 2));
    else index.put(aJobResource('mine', { status: { state: 'Complete' } }));
  }
  assert.deepEqual(told.slice(0, 2), ['0 4 0.0002 1.5 250', '1 3.9 0.0002 1.5 250']);
  assert.deepEqual(told.map((line) => line.split(' ')[0]), ['0', '1', '2', '3', '4']); // biome-ignore format: one thought
});

test('pages, states and resume tokens that make no sense are named; a deadline ends a watch', async () => {
  await using status = await aStatusServer(twoTeams(), accessOf(rights));
  const query = status.as('root-token').client('Query');
  const paged = await query.listJobs({ pageSize: 1 });
  const rest = await query.listJobs({ pageSize: 1, pageToken: paged.nextPageToken });
  assert.deepEqual([names(paged.jobs), names(rest.jobs), rest.nextPageToken], [['theirs'], ['mine'], '']);
  assert.equal(await query.listJobs({ pageSize: 501 }).catch(nameOf), 'QueryInvalid');
  assert.equal(await query.listJobs({ states: ['busy'] }).catch(nameOf), 'QueryInvalid');
  assert.equal(await query.listJobs({ pageToken: 'x' }).catch(nameOf), 'QueryInvalid');
  const first = async (resumeToken: string, timeoutMs?: number) => {
    for await (const { kind } of query.watchJobs({ resumeToken }, timeoutMs ? { timeoutMs } : {}))
      if (kind === 'REMOVED') return kind;
    return 'ended';
  };
  assert.equal(await first('e0.1').catch(nameOf), 'ResumeTokenInvalid');
  assert.equal(await first('', 100).catch(nameOf), 'CallTimedOut');
});

test('an API server that does not answer is said to be the reason, and no right is given', async () => {
  const broken: Access = {
    ...accessOf(rights),
    identify: async () => Promise.reject(new Error('connect ECONNREFUSED')),
  };
  await using status = await aStatusServer(twoTeams(), broken);
  const error = await status.as('ann-token').client('Query').listJobs({}).catch((cause: unknown) => cause); // biome-ignore format: one thought
  assert.ok(EspalierError.is(error, 'AccessUnchecked'));
  assert.match(error.message, /ECONNREFUSED/);
});

test('without TLS, or with another authority, nothing is answered', async () => {
  await using status = await aStatusServer(twoTeams(), accessOf(rights));
  await using other = await aStatusServer(twoTeams(), accessOf(rights));
  const plain = connect(loadProtos(), status.server.address, { token: 'root-token' });
  const tls = { certificates: fixedCertificates({ authority: Buffer.from(other.authority.trusted) }) };
  const mistrusting = connect(loadProtos(), status.server.address, { token: 'root-token', tls });
  for (const connection of [plain, mistrusting]) {
    assert.equal(await connection.client('Query').listJobs({}).catch(nameOf), 'PeerUnreachable');
    connection.close();
  }
});
