import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobSchema } from './jsonSchema.js';

test('the schema of manifests is made once, however many are read', () => {
  assert.equal(jobSchema(), jobSchema());
  assert.equal(jobSchema().properties?.spec?.type, 'object');
});
