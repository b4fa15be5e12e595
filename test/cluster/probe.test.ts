import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe } from './probe.js';

test('a kubeconfig with a registry for our images is where the tests of the cluster run', async () => {
  const verdict = await probe({ KUBECONFIG: '/home/me/.kube/config', IMAGE_REGISTRY: 'registry:5000' });
  assert.deepEqual(verdict, {
    runs: true,
    where: 'theirs',
    how: 'on the cluster of /home/me/.kube/config, images by registry:5000; tests that stop a control plane are left out',
  });
});
