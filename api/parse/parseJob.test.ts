import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ManifestCase, ManifestTable } from '../../test/support/manifestTable.js';
import { EspalierError } from '../errors.js';
import { quantityBytes } from '../fields.js';
import { durationSeconds } from './expectation.js';
import { checkJob, parseJob } from './parseJob.js';

const table = ManifestTable.read();
const manifest = table.textOf(table.cases[0]!).text;

function told(row: ManifestCase): string {
  const { text, set } = table.textOf(row);
  try {
    parseJob(text, { file: 'job.yaml', set });
    return 'valid';
  } catch (error) {
    assert.ok(EspalierError.is(error, 'JobInvalid'), String(error));
    return error.message;
  }
}

if (process.env.UPDATE) table.write((row) => ({ says: told(row) }));
else {
  for (const row of table.cases)
    test(`${row.title}: the whole message is the recorded one`, () => assert.equal(told(row), row.says));
}

test('a valid manifest comes back with every default filled in', () => {
  assert.deepEqual(parseJob(manifest, { file: 'job.yaml' }), {
    apiVersion: 'espalier.dev/v1alpha1',
    kind: 'FineTuneJob',
    metadata: { name: 'workplace' },
    spec: {
      suspend: false,
      connections: [],
      base: { source: './model', revision: 'main', precision: 'float32' },
      data: {
        train: [{ source: 'train.jsonl' }],
        format: 'auto',
        supervise: 'assistant',
        maxTokens: 512,
        truncation: 'end',
        packing: true,
        templateDate: '2026-01-01',
      },
      method: {
        lora: {
          rank: 16,
          alpha: 32,
          rsLora: false,
          dropout: 0,
          targetModules: 'all-linear',
          excludeModules: [],
          init: 'kaiming',
        },
      },
      training: {
        epochs: 3,
        batch: { sequences: 8, microBatch: 1 },
        learningRate: 2e-4,
        schedule: { type: 'linear' },
        optimizer: { type: 'AdamW', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
        maxGradNorm: 1,
        seed: 0,
        evaluation: {},
      },
      workers: {
        replicas: 1,
        minReplicas: 1,
        maxReplicas: 1024,
        device: 'cpu',
        resources: {},
        nodeSelector: {},
        tolerations: [],
        volumes: [],
      },
      checkpoint: { everySteps: 20, keepLast: 3 },
      output: { destination: 'out', merged: false },
    },
  });
});

test('overrides are laid over the file in order, add fields and entries, and null removes', () => {
  const set = [
    'spec.training.epochs=null',
    'spec.training.maxSteps=7',
    'spec.training.maxSteps=9',
    'spec.data.train[1].source=more.jsonl',
    'spec.method.lora.targetModules=[q_proj, v_proj]',
    'metadata.labels[kueue.x-k8s.io/queue-name]=gpus',
    'spec.base.source=s3://bucket/a=b',
  ];
  const { metadata, spec } = parseJob(manifest, { file: 'job.yaml', set });
  assert.deepEqual(metadata, { name: 'workplace', labels: { 'kueue.x-k8s.io/queue-name': 'gpus' } });
  assert.equal(spec.training.epochs, undefined);
  assert.equal(spec.training.maxSteps, 9);
  assert.deepEqual(spec.data.train, [{ source: 'train.jsonl' }, { source: 'more.jsonl' }]);
  assert.deepEqual(spec.method.lora.targetModules, ['q_proj', 'v_proj']);
  assert.equal(spec.base.source, 's3://bucket/a=b');
});

test('permuted fields, other spellings of a number, JSON and merged anchors give the same job', () => {
  const written = parseJob(manifest, { file: 'job.yaml' });
  const json = JSON.stringify({
    spec: {
      output: { destination: 'out' },
      training: { learningRate: 0.0002, epochs: 3 },
      method: { lora: { rank: 16 } },
      data: { train: [{ source: 'train.jsonl' }] },
      base: { source: './model' },
    },
    metadata: { name: 'workplace' },
    kind: 'FineTuneJob',
    apiVersion: 'espalier.dev/v1alpha1',
  });
  assert.deepEqual(parseJob(json, { file: 'job.json' }), written);
  const spelled = manifest.replace('epochs: 3', 'epochs: 3\n    learningRate: 2.0e-4');
  assert.deepEqual(parseJob(spelled, { file: 'job.yaml' }), written);
  const merged = manifest.replace('{ source: ./model }', '\n    <<: &model { source: ./model }');
  assert.deepEqual(parseJob(`\uFEFF${merged}`, { file: 'job.yaml' }), written);
});

test('an object from the API server, with its own metadata and a status, is a job too', () => {
  const object = {
    ...(parseJob(manifest, { file: 'job.yaml' }) as object),
    metadata: {
      name: 'workplace',
      namespace: 'team',
      uid: 'u',
      resourceVersion: '7',
      generation: 2,
      managedFields: [],
    },
    status: { state: 'Training' },
  };
  assert.equal(checkJob(object, { file: 'team/workplace' }).metadata.namespace, 'team');
  assert.throws(
    () => checkJob({ ...object, kind: 'Pod' }, { file: 'team/workplace' }),
    (error) => error instanceof EspalierError && error.message.includes('team/workplace kind: Pod is not FineTuneJob'),
  );
});

test('quantities and durations are read in their units', () => {
  assert.deepEqual(['4Gi', '1.5Gi', '512Mi', '4G', '100k', '7'].map(quantityBytes), [
    4 * 2 ** 30,
    1.5 * 2 ** 30,
    512 * 2 ** 20,
    4e9,
    1e5,
    7,
  ]);
  const durations = ['2h', '1h30m', '90 min', '2 days', '500ms', 'soon', ''];
  assert.deepEqual(durations.map(durationSeconds), [7200, 5400, 5400, 172_800, 0.5, undefined, undefined]);
});
