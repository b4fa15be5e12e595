import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aJobResource, aStep } from '../../test/support/aJobResource.js';
import { createMetrics } from '../metrics.js';
import { JobIndex } from './jobIndex.js';
import { registerJobMetrics } from './metricsPage.js';

function pageOf(jobs: number) {
  const index = new JobIndex('e1');
  for (let i = 0; i < jobs; i++) {
    index.put(aJobResource(`j${i}`, { status: { state: 'Training' } }));
    index.observe({ namespace: 'team', name: `j${i}` }, 'w', aStep(4, 2.5));
  }
  const metrics = createMetrics();
  registerJobMetrics(metrics.registry, index);
  metrics.onCall({ verb: 'get', resource: 'pods', code: 200 });
  metrics.onReconciled({ seconds: 0.01, failed: false });
  return { index, text: () => metrics.registry.metrics() };
}

test('names follow the conventions of Prometheus: snake case, base units, _total for counters alone', async () => {
  const text = await pageOf(1).text();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!] as const);
  assert.ok(types.length > 20);
  for (const [name, type] of types) {
    assert.match(name, /^espalier_[a-z0-9_]+$/);
    // Those of the process itself are named by prom-client.
    if (!name.startsWith('espalier_controller_'))
      assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|hours|mb|kb|mib|percent)(_|$)/);
    assert.match(text, new RegExp(`^# HELP ${name} .{8,}`, 'm'));
  }
  for (const [, label] of text.matchAll(/[{,]([A-Za-z_]+)="/g)) assert.match(label!, /^[a-z_]+$/);
});

test('each job that trains has its series, and none once it has ended', async () => {
  const { index, text } = pageOf(1);
  const page = await text();
  for (const line of [
    'espalier_jobs{state="Training"} 1',
    'espalier_job_step{namespace="team",name="j0"} 5',
    'espalier_job_loss{namespace="team",name="j0"} 2.5',
    'espalier_job_gradient_norm{namespace="team",name="j0"} 1.5',
    'espalier_job_learning_rate{namespace="team",name="j0"} 0.0002',
    'espalier_job_tokens_per_second{namespace="team",name="j0"} 250',
    'espalier_jobs_without_series 0',
    'espalier_api_calls_total{verb="get",resource="pods",code="200"} 1',
    'espalier_reconcile_duration_seconds_count{result="done"} 1',
  ])
    assert.ok(page.includes(`${line}\n`), line);
  index.put(aJobResource('j0', { status: { state: 'Complete' } }));
  const after = await text();
  assert.ok(after.includes('espalier_jobs{state="Complete"} 1\n'));
  assert.doesNotMatch(after, /espalier_job_step\{/);
});

test('with more jobs than the page carries, it says how many are left out', async () => {
  const page = await pageOf(203).text();
  assert.equal(page.match(/^espalier_job_step\{/gm)?.length, 200);
  assert.ok(page.includes('espalier_jobs_without_series 3\n'));
});
