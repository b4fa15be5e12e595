import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aWorkerJob, aWorld } from '../../test/support/aWorld.js';
import type { V1Job } from '../cluster/kube/objects.js';
import { decide } from '../reconcile/decide.js';
import { eventsBetween } from '../reconcile/events.js';
import { policies } from '../reconcile/policies/index.js';
import { settle } from '../reconcile/settle.js';
import { driftOf } from './drift.js';

const made = aWorkerJob(0);
/** The Job with another template, and what the API server and the Job controller add to every one. */
function found(spec: object = {}, metadata: { labels?: object; annotations?: object } = {}): V1Job {
  const template = made.spec!.template;
  const labels = {
    ...template.metadata?.labels,
    'batch.kubernetes.io/controller-uid': 'u',
    'controller-uid': 'u',
    'job-name': 'a-job-0',
    ...metadata.labels,
  };
  const annotations = { ...template.metadata?.annotations, ...metadata.annotations };
  return {
    ...made,
    spec: {
      ...made.spec!,
      template: {
        metadata: { labels, annotations },
        spec: { ...template.spec!, schedulerName: 'default-scheduler', dnsPolicy: 'ClusterFirst', ...spec },
      },
    },
  };
}

test('what the API server and the Job controller add is no drift', () => {
  assert.deepEqual(driftOf(found(), made), []);
});

test('trap 6: what a queue writes is named part by part', () => {
  const changed = found(
    {
      nodeSelector: { pool: 'spot' },
      tolerations: [],
      schedulingGates: [{ name: 'topology' }],
      schedulerName: 'volcano',
    },
    { labels: { 'kueue.x-k8s.io/podset': 'main' }, annotations: { 'kueue.x-k8s.io/workload': 'w' } },
  );
  assert.deepEqual(driftOf(changed, made), [
    'labels',
    'annotations',
    'nodeSelector',
    'tolerations',
    'schedulingGates',
    'schedulerName',
  ]);
});

test('trap 6: drift stands in the status and is told once; nothing is done about it', () => {
  const world = aWorld({ jobs: [found({ nodeSelector: { pool: 'spot' } })] });
  const decision = decide(policies, world);
  assert.deepEqual(decision, { kind: 'train', attempt: 0 });
  const status = settle(world, decision, []);
  assert.equal(status.workers?.drift, 'nodeSelector');
  const told = (before: typeof status) =>
    eventsBetween(before, status).filter(({ reason }) => reason === 'WorkerJobChanged');
  assert.deepEqual(told({}), [
    {
      type: 'Normal',
      reason: 'WorkerJobChanged',
      message: "others have changed nodeSelector of the worker pods' template; it is left so",
    },
  ]);
  assert.deepEqual(told(status), []);
});
