import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { JobIndex } from '../../controller/query/jobIndex.js';
import { type CliRun, runInProcess } from '../../test/support/aCli.js';
import { ClusterApi } from '../../test/support/aClusterApi.js';
import { accessOf, aJobResource, aStep } from '../../test/support/aJobResource.js';
import { aStatusServer } from '../../test/support/aStatusServer.js';
import { list } from '../commands/list.js';
import { logs } from '../commands/logs.js';
import { status } from '../commands/status.js';
import { wait } from '../commands/wait.js';
import { watch } from '../commands/watch.js';

const commands = [status, list, watch, wait, logs];
const jobs = 'apis/espalier.dev/v1alpha1/finetunejobs';
const aResource = (name: string, state: string, namespace = 'team') => ({
  metadata: { name, namespace, uid: `u-${name}`, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  status: {
    state,
    conditions: [
      { type: state === 'Failed' ? 'Failed' : 'Ready', status: 'True', reason: `Is${state}`, message: 'as told' },
    ],
  },
});
const clock = { ...systemClock, now: () => Date.parse('2026-01-01T00:01:30Z') };

/** A cluster by kubeconfig. */
const inCluster = (api: ClusterApi, argv: string[]): Promise<CliRun> =>
  runInProcess(argv, { commands, deps: { env: { KUBECONFIG: api.kubeconfig }, clock } });

test('list and status by kubeconfig: the namespace of the context, or all, by state', async () => {
  await using api = await ClusterApi.start();
  api.put(jobs, aResource('a', 'Training'));
  api.put(jobs, aResource('b', 'Pending'));
  api.put(jobs, aResource('c', 'Failed', 'other'));
  assert.equal(
    (await inCluster(api, ['list'])).out,
    [
      'NAMESPACE  NAME  STATE     PROGRESS  LOSS  EVAL  ETA  WORKERS  AGE   REASON',
      'team       a     Training  -         -     -     -    -        1:30  IsTraining',
      'team       b     Pending   -         -     -     -    -        1:30  IsPending',
      '',
    ].join('\n'),
  );
  const names = async (...flags: string[]) =>
    (JSON.parse((await inCluster(api, ['list', '--json', ...flags])).out) as { jobs: { name: string }[] }).jobs.map(
      ({ name }) => name,
    );
  assert.deepEqual(await names('--all-namespaces'), ['c', 'a', 'b']);
  assert.deepEqual(await names('--namespace', 'other'), ['c']);
  assert.deepEqual(await names('--state', 'pending'), ['b']);

  const labels = { 'espalier.dev/job': 'a', 'espalier.dev/role': 'worker' };
  const conditions = [{ type: 'Ready', status: 'True' }];
  api.put('api/v1/pods', {
    metadata: { name: 'a-1-0', namespace: 'team', labels },
    spec: { nodeName: 'n1' },
    status: { conditions },
  });
  const event = { type: 'Normal', reason: 'TrainingStarted', message: 'go', lastTimestamp: '2026-01-01T00:01:00Z' };
  api.put('api/v1/events', { metadata: { name: 'e1', namespace: 'team' }, ...event });
  assert.equal(
    (await inCluster(api, ['status', 'a'])).out,
    'team/a\nTraining  IsTraining: as told\nworker a-1-0 on n1\nevent 2026-01-01T00:01:00.000Z TrainingStarted: go\n',
  );
  const missing = await inCluster(api, ['status', 'none', '--json']);
  assert.deepEqual([missing.exit, (JSON.parse(missing.out) as { name: string }).name], [2, 'JobUnknown']);
});

test('wait by kubeconfig ends with the job: 0 when complete, 3 when failed, and tells the way', async () => {
  await using api = await ClusterApi.start();
  api.put(jobs, aResource('a', 'Pending'));
  const waiting = inCluster(api, ['wait', 'a']);
  await heard(api, 3);
  api.put(jobs, aResource('a', 'Training'));
  api.put(jobs, aResource('a', 'Complete'));
  const { exit, out } = await waiting;
  assert.equal(exit, 0);
  assert.match(out, /^team\/a {2}Pending .*\n(team\/a {2}Training .*\n)?team\/a {2}Complete .*\na is Complete\n$/);

  api.put(jobs, aResource('bad', 'Failed'));
  const failed = await inCluster(api, ['wait', 'bad', '--json']);
  const { name, facts } = JSON.parse(failed.out.trim().split('\n').at(-1)!) as {
    name: string;
    facts: { reason: string };
  };
  assert.deepEqual([failed.exit, name, facts.reason], [3, 'JobEndedBadly', 'IsFailed']);
  assert.equal((await inCluster(api, ['wait', 'bad', '--for', 'finished'])).exit, 0);
  assert.match((await inCluster(api, ['wait', 'none'])).err, /JobUnknown/);
});

test('a wait that takes too long says what the job does instead', async () => {
  await using api = await ClusterApi.start();
  api.put(jobs, aResource('slow', 'Pending'));
  const { exit, err } = await inCluster(api, ['wait', 'slow', '--timeout', '1']);
  assert.equal(exit, 3);
  assert.match(err, /WaitEnded: slow is Pending after 1 s, not complete/);
});

test('watch tells changes until it is interrupted', async () => {
  await using api = await ClusterApi.start();
  api.put(jobs, aResource('a', 'Pending'));
  const interrupt = new AbortController();
  let out = '';
  const watching = runInProcess(['watch', '--json'], {
    commands,
    deps: { env: { KUBECONFIG: api.kubeconfig }, signal: interrupt.signal },
    terminal: {
      out: (text) => {
        out += text;
        if (text.includes('REMOVED')) interrupt.abort(new DOMException('enough', 'AbortError'));
      },
    },
  });
  await heard(api, 3);
  api.put(jobs, aResource('b', 'Pending'));
  api.remove(jobs, aResource('a', 'Pending'));
  const { exit } = await watching;
  const told = out.trim().split('\n').map((line) => JSON.parse(line) as { change?: string; name: string }); // biome-ignore format: one thought
  assert.equal(exit, 130);
  assert.deepEqual(
    told.map(({ change, name }) => `${change} ${name}`),
    ['ADDED a', 'ADDED b', 'REMOVED a', 'undefined Interrupted'],
  );
});

test('logs come from every pod of the job, or from one; an unknown one is answered with those there are', async () => {
  await using api = await ClusterApi.start();
  for (const [index, name] of ['j-1-0', 'j-1-1'].entries()) {
    const creationTimestamp = `2026-01-01T00:00:0${index}Z`;
    api.put('api/v1/pods', {
      metadata: { name, namespace: 'team', creationTimestamp, labels: { 'espalier.dev/job': 'j' } },
    });
    api.log('team', name, `first of ${name}\nsecond`);
  }
  assert.equal(
    (await inCluster(api, ['logs', 'j'])).out,
    'j-1-0 first of j-1-0\nj-1-0 second\nj-1-1 first of j-1-1\nj-1-1 second\n',
  );
  const followed = await inCluster(api, ['logs', 'j', '--follow', '--worker', 'j-1-1']);
  assert.equal(followed.out, 'j-1-1 first of j-1-1\nj-1-1 second\n');
  assert.match(
    (await inCluster(api, ['logs', 'j', '--worker', 'x'])).err,
    /WorkerUnknown: j has no worker x\n.*j-1-0 and j-1-1/,
  );
  assert.match((await inCluster(api, ['logs', 'none'])).err, /JobUnknown/);
});

test('kubeconfigs that cannot be used are named with the reason', async () => {
  await using api = await ClusterApi.start();
  const said = async (...flags: string[]) => (await inCluster(api, ['list', ...flags])).err.split('\n')[0]!;
  assert.match(
    await said('--kubeconfig', '/nowhere/config'),
    /KubeconfigUnusable: the kubeconfig \/nowhere\/config .*ENOENT/,
  );
  assert.match(await said('--context', 'unknown'), /it has no context unknown/);
  assert.match(await said('--context', 'lost'), /its context lost names no cluster/);
  assert.match(await said('--token', 'x'), /--token needs --address/);
});

test('the same commands by the gRPC status, over TLS with a token', async () => {
  const index = new JobIndex('e1');
  index.put(aJobResource('mine', { status: { state: 'Training' } }));
  index.observe({ namespace: 'team', name: 'mine' }, 'w0', aStep(2, 3.5));
  await using server = await aStatusServer(index, accessOf({ ann: ['team'] }));
  const folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
  const [ca, tokenFile] = [join(folder, 'ca.crt'), join(folder, 'token')];
  await writeFile(ca, server.authority.trusted);
  await writeFile(tokenFile, 'ann-token\n');
  const ask = (...argv: string[]) =>
    runInProcess([...argv, '--address', server.server.address, '--ca', ca, '--token-file', tokenFile], { commands });
  assert.match((await ask('list')).out, /team +mine +Training +3\/40 +3\.500 +- +37 s/);
  assert.match(
    (await ask('status', 'mine', '--namespace', 'team')).out,
    /step 3\/40 {2}loss 3\.500 {2}250 tok\/s {2}lr 0\.000200 {2}gradient norm 1\.50 {2}ETA 37 s/,
  );
  assert.match((await ask('status', 'mine')).err, /--namespace is missing/);
  const waiting = ask('wait', 'mine', '--namespace', 'team', '--json');
  index.put(aJobResource('mine', { status: { state: 'Complete', artifact: 's3://a', adapterSha256: 'ff' } }));
  const { exit, out } = await waiting;
  assert.equal(exit, 0);
  assert.match(out, /"state":"Complete","artifacts":\[\{"url":"s3:\/\/a"/);
  assert.match((await runInProcess(['list', '--address', 'localhost:1'], { commands })).err, /--address needs --token/);
  await rm(folder, { recursive: true });
});

/** Until the API server has had this many requests: the list to try, the reflector's list, its watch. */
async function heard(api: ClusterApi, requests: number, late = AbortSignal.timeout(10_000)): Promise<void> {
  for (; api.asked.length < requests; late.throwIfAborted()) await new Promise((resolve) => setImmediate(resolve));
}
