import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { aJobResource } from '../../test/support/aJobResource.js';
import { aStatusServer } from '../../test/support/aStatusServer.js';
import { plane } from '../../test/support/sharedPlane.js';
import { kubeAccess } from '../cluster/kube/auth.js';
import type { KubernetesObject } from '../cluster/kube/objects.js';
import type { Resource } from '../cluster/kube/resources.js';
import { rememberedAccess } from './access.js';
import { JobIndex } from './jobIndex.js';

// TokenReview and SubjectAccessReview of a real API server, asked by the status service over TLS.

const rbac = 'rbac.authorization.k8s.io';
const kindOf = (apiVersion: string, kind: string, plural: string): Resource<KubernetesObject> => ({
  apiVersion,
  kind,
  plural,
});
const accounts = kindOf('v1', 'ServiceAccount', 'serviceaccounts');
const roles = kindOf(`${rbac}/v1`, 'Role', 'roles');
const bindings = kindOf(`${rbac}/v1`, 'RoleBinding', 'rolebindings');

test('a token of a service account sees the jobs that its role lets it read, of its namespace alone', async () => {
  const signal = AbortSignal.timeout(120_000);
  const [mine, other] = [await plane.namespace(signal), await plane.namespace(signal)];
  const make = async (resource: Resource<KubernetesObject>, name: string, rest: object = {}) => {
    const { apiVersion, kind } = resource;
    const object = { apiVersion, kind, metadata: { namespace: mine, name }, ...rest };
    await plane.client.create(resource, object as KubernetesObject, signal);
  };
  await make(accounts, 'reader');
  await make(accounts, 'nobody');
  await make(roles, 'read', {
    rules: [{ apiGroups: ['espalier.dev'], resources: ['finetunejobs'], verbs: ['get', 'list', 'watch'] }],
  });
  await make(bindings, 'read', {
    roleRef: { apiGroup: rbac, kind: 'Role', name: 'read' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: mine }],
  });
  const tokenOf = async (account: string, audiences: readonly string[] = []): Promise<string> => {
    const requests = kindOf('v1', 'TokenRequest', `serviceaccounts/${account}/token`);
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: { namespace: mine } };
    const answer = await plane.client.create(requests, { ...body, spec: { audiences } } as never, signal);
    return (answer as unknown as { status: { token: string } }).status.token;
  };

  const index = new JobIndex('e1');
  index.put(aJobResource('visible', { namespace: mine }));
  index.put(aJobResource('hidden', { namespace: other }));
  await using status = await aStatusServer(index, rememberedAccess(kubeAccess(plane.client), systemClock));
  const asked = async (token: string, namespace: string): Promise<string> =>
    status.as(token).client('Query').listJobs({ namespace }).then(
      ({ jobs }) => jobs.map(({ name }) => name).join(' '),
      (error: Error) => error.name,
    ); // biome-ignore format: one thought
  const reader = await tokenOf('reader');
  assert.deepEqual(
    {
      everywhere: await asked(reader, ''),
      mine: await asked(reader, mine),
      other: await asked(reader, other),
      nobody: await asked(await tokenOf('nobody'), ''),
      'of nobody': await asked(await tokenOf('nobody'), mine),
      'another audience': await asked(await tokenOf('reader', ['espalier']), mine),
      'no token of this cluster': await asked('made-up', mine),
    },
    {
      everywhere: 'visible',
      mine: 'visible',
      other: 'CallerForbidden',
      nobody: '',
      'of nobody': 'CallerForbidden',
      'another audience': 'CallerUnknown',
      'no token of this cluster': 'CallerUnknown',
    },
  );
});
