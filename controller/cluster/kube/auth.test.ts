import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { systemClock } from '../../../common/clock.js';
import { ClusterApi } from '../../../test/support/aClusterApi.js';
import { rememberedAccess } from '../../query/access.js';
import { workerAudience } from '../../settings.js';
import { kubeAccess, kubePodAttestor } from './auth.js';
import { createKubeClient } from './client.js';
import { createHttp } from './http.js';
import { readKubeconfig } from './kubeconfig.js';

const never = new AbortController().signal;
const podExtra = {
  'authentication.kubernetes.io/pod-name': ['w-0'],
  'authentication.kubernetes.io/pod-uid': ['u-pod'],
};

async function start() {
  const api = await ClusterApi.start();
  const http = createHttp(readKubeconfig({ path: api.kubeconfig }).config, systemClock);
  const client = createKubeClient({ http });
  return { api, client, async [Symbol.asyncDispose]() { http.close(); await api[Symbol.asyncDispose](); } }; // biome-ignore format: one thought
}

/** Knows `ann` and the token of pod w-0, each for its own audience. */
const reviewTokens = ({ spec }: { readonly spec: Record<string, unknown> }): object => {
  const audiences = (spec.audiences as string[] | undefined) ?? [];
  if (spec.token === 'ann' && audiences.length === 0)
    return {
      status: { authenticated: true, user: { username: 'ann', uid: '7', groups: ['dev'], extra: { scopes: ['all'] } } },
    };
  const user = { username: 'system:serviceaccount:team:default', extra: spec.token === 'unbound' ? {} : podExtra };
  if ((spec.token === 'pod' || spec.token === 'unbound') && audiences.includes(workerAudience))
    return { status: { authenticated: true, audiences, user } };
  // An API server that knows no audiences ignores the wish.
  if (spec.token === 'old') return { status: { authenticated: true, user } };
  return { status: { authenticated: false, error: 'invalid bearer token' } };
};

test('who calls and what it may read is asked of the API server, with everything it said of the caller', async () => {
  await using context = await start();
  const asked: unknown[] = [];
  context.api.review('tokenreviews', reviewTokens);
  context.api.review('subjectaccessreviews', ({ spec }) => {
    asked.push(spec);
    const { namespace } = spec.resourceAttributes as { namespace?: string };
    return { status: { allowed: namespace !== undefined, denied: namespace === 'secret' } };
  });
  const access = kubeAccess(context.client);
  const ann = await access.identify('ann', never);
  assert.deepEqual(ann, { user: 'ann', uid: '7', groups: ['dev'], extra: { scopes: ['all'] } });
  assert.equal(await access.identify('pod', never), undefined);
  const verdicts = [];
  for (const namespace of ['team', 'secret', '']) verdicts.push(await access.allowed(ann!, 'list', namespace, never));
  assert.deepEqual(verdicts, [true, false, false]);
  assert.deepEqual(asked[0], {
    user: 'ann',
    uid: '7',
    groups: ['dev'],
    extra: { scopes: ['all'] },
    resourceAttributes: { group: 'espalier.dev', resource: 'finetunejobs', verb: 'list', namespace: 'team' },
  });
});

test('answers are remembered for a while, so a watch does not ask for each change', async () => {
  await using context = await start();
  context.api.review('tokenreviews', reviewTokens);
  const access = rememberedAccess(kubeAccess(context.client), systemClock);
  for (let i = 0; i < 50; i++) await access.identify('ann', never);
  assert.equal(context.api.asked.length, 1);
});

test('a pod is vouched for only along the chain pod, Job of workers, FineTuneJob, by UID', async () => {
  await using context = await start();
  const { api } = context;
  api.review('tokenreviews', reviewTokens);
  const owner = (kind: string, name: string, uid: string) => [{ kind, name, uid, controller: true }];
  const labels = { 'espalier.dev/job': 'j', 'espalier.dev/job-uid': 'u-ftj' };
  const pod = {
    metadata: { name: 'w-0', namespace: 'team', uid: 'u-pod', labels, ownerReferences: owner('Job', 'w', 'u-job') },
  };
  const job = {
    metadata: { name: 'w', namespace: 'team', uid: 'u-job', ownerReferences: owner('FineTuneJob', 'j', 'u-ftj') },
  };
  const resource = { metadata: { name: 'j', namespace: 'team', uid: 'u-ftj' } };
  const attestor = kubePodAttestor(context.client);
  const why = (token = 'pod') =>
    attestor.attest(token, never).then(
      (found) => JSON.stringify(found),
      (error: unknown) =>
        EspalierError.is(error, 'CertificateRefused') || EspalierError.is(error, 'CallerUnknown')
          ? error.facts.why
          : String(error),
    );
  const said = [await why()];
  api.put('api/v1/pods', { metadata: { ...pod.metadata, labels: {} } });
  said.push(await why());
  api.put('api/v1/pods', pod);
  said.push(await why());
  api.put('apis/batch/v1/jobs', { metadata: { ...job.metadata, ownerReferences: [] } });
  said.push(await why());
  api.put('apis/batch/v1/jobs', job);
  said.push(await why());
  api.put('apis/espalier.dev/v1alpha1/finetunejobs', resource);
  said.push(await why());
  api.put('api/v1/pods', { metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  said.push(await why());
  for (const token of ['unbound', 'old', 'ann']) said.push(await why(token));
  assert.deepEqual(said, [
    'that pod is gone',
    'it belongs to no FineTuneJob',
    'no Job of workers owns it',
    'its Job does not belong to the FineTuneJob j',
    'the FineTuneJob j is gone',
    '{"namespace":"team","job":"j","jobUid":"u-ftj","podUid":"u-pod","name":"w-0"}',
    'the pod is being deleted',
    'the token of system:serviceaccount:team:default is bound to no pod',
    'the API server does not accept the token for espalier',
    'the API server does not accept the token for espalier',
  ]);
});
