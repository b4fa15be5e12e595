import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { podUri } from '../../../api/podIdentity.js';
import { Scene } from '../../../test/support/aController.js';
import { plane } from '../../../test/support/sharedPlane.js';
import { kubePodAttestor } from './auth.js';
import type { KubernetesObject, V1Pod } from './objects.js';
import { type Resource, resources } from './resources.js';

// A real API server makes the tokens and reviews them.

interface TokenRequest extends KubernetesObject {
  readonly spec: object;
  readonly status?: { readonly token: string };
}
const tokenRequests: Resource<TokenRequest> = {
  apiVersion: 'v1',
  kind: 'TokenRequest',
  plural: 'serviceaccounts/default/token',
};

/** As the kubelet asks for the token that it projects into a pod. */
async function tokenOf(scene: Scene, { metadata }: V1Pod, audience: string, signal: AbortSignal): Promise<string> {
  const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', name: metadata?.name, uid: metadata?.uid };
  const request: TokenRequest = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { namespace: scene.namespace },
    spec: { audiences: [audience], expirationSeconds: 3600, boundObjectRef },
  };
  const answer = await scene.client.create(tokenRequests, request, signal);
  assert.ok(answer !== 'exists' && answer.status);
  return answer.status.token;
}

test('a worker pod is known by its projected token; another audience, a pod of nobody and a pod that is gone are not', async () => {
  const signal = AbortSignal.timeout(300_000);
  await using scene = await Scene.open(plane, signal);
  await scene.apply('a');
  await scene.passPreflight('a');
  await scene.apply('b');
  await scene.passPreflight('b');
  const ofJob = async (job: string) =>
    scene.until(`a worker of ${job}`, async () =>
      (await scene.all(resources.pods)).find(
        ({ metadata }) =>
          metadata?.labels?.['espalier.dev/job'] === job && metadata.labels['espalier.dev/role'] === 'worker',
      ),
    );
  const [mine, other] = [await ofJob('a'), await ofJob('b')];
  const [a, b] = [await scene.get(resources.fineTuneJobs, 'a'), await scene.get(resources.fineTuneJobs, 'b')];
  const attestor = kubePodAttestor(scene.client);
  const attested = async (pod: V1Pod, audience = 'espalier') =>
    attestor.attest(await tokenOf(scene, pod, audience, signal), signal);
  const nameOf = (error: unknown) => (error instanceof EspalierError ? error.name : String(error));

  const uriOf = (job: string, jobUid: string | undefined, pod: V1Pod) =>
    podUri({ namespace: scene.namespace, job, jobUid: jobUid ?? '', podUid: pod.metadata?.uid ?? '' });
  assert.equal(podUri(await attested(mine)), uriOf('a', a?.metadata?.uid, mine));
  // A pod of another job is that job's, whatever it asks for.
  assert.equal(podUri(await attested(other)), uriOf('b', b?.metadata?.uid, other));
  assert.equal(await attested(mine, 'https://kubernetes.default.svc').catch(nameOf), 'CallerUnknown');

  // With our labels, made by somebody else.
  const stranger = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: scene.namespace, name: 'stranger', labels: { ...mine.metadata?.labels } },
    spec: { containers: [{ name: 'x', image: 'x' }] },
  } satisfies V1Pod;
  const made = await scene.client.create(resources.pods, stranger as V1Pod, signal);
  assert.ok(made !== 'exists');
  assert.equal(await attested(made).catch(nameOf), 'CertificateRefused');

  // The token of a pod that is gone is worth nothing, however long it would still be good.
  const token = await tokenOf(scene, mine, 'espalier', signal);
  const at = { namespace: scene.namespace, name: mine.metadata?.name ?? '' };
  await scene.client.remove(resources.pods, at, { signal, gracePeriodSeconds: 0 });
  await scene.until('the pod is gone', async () => !(await scene.get(resources.pods, at.name)));
  const refused = await scene.until('the token ends with its pod', async () => {
    const name = await attestor.attest(token, signal).then(() => '', nameOf);
    return name !== '' && name;
  });
  assert.ok(refused === 'CertificateRefused' || refused === 'CallerUnknown', refused);
});

test('pods are told whom to trust by one map of their namespace: made again when it is deleted, and it follows the authority', async () => {
  await using scene = await Scene.open(plane, AbortSignal.timeout(300_000));
  const at = { namespace: scene.namespace, name: 'espalier-trust' };
  const signal = AbortSignal.timeout(120_000);
  // Somebody else's of that name is never touched, and is named.
  const foreign = { apiVersion: 'v1', kind: 'ConfigMap', metadata: at, data: { 'ca.crt': 'of somebody else' } };
  await scene.client.create(resources.configMaps, foreign, signal);
  await scene.apply('trusts');
  await scene.passPreflight('trusts');
  await scene.state('trusts', 'Stalled', 'NameTaken');
  const map = () => scene.get(resources.configMaps, at.name);
  assert.deepEqual((await map())?.data, foreign.data);
  assert.deepEqual(await scene.all(resources.jobs), []);
  await scene.client.remove(resources.configMaps, at, { signal });
  await scene.workerJob('trusts-0');
  await scene.apply('another');
  await scene.passPreflight('another');
  await scene.workerJob('another-0');
  const first = await map();
  assert.equal(first?.metadata?.ownerReferences, undefined);
  assert.deepEqual(first?.data, { 'ca.crt': 'AUTHORITY', 'controller-ca.crt': 'AUTHORITY' });
  // With neither job does it go.
  await scene.client.remove(resources.fineTuneJobs, { ...at, name: 'trusts' }, { signal });
  await scene.client.merge(resources.configMaps, at, { data: { 'ca.crt': 'of another time' } }, signal);
  await scene.until('it says what is so', async () => (await map())?.data?.['ca.crt'] === 'AUTHORITY');
  await scene.client.remove(resources.configMaps, at, { signal });
  await scene.until('it is there again', async () => {
    const again = await map();
    return again && again.metadata?.uid !== first?.metadata?.uid;
  });
});
