import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusData, statusResolved } from '../../api/sections/status.js';
import { aDataReport } from '../../test/support/aDataReport.js';
import { fitted } from './readyVerdict.js';
import { mostBytes } from './verdict.js';

test('the last words of a preflight fit, whatever its data are called: details go first, the rest stays whole', () => {
  const long = (most: number) => 'ü'.repeat(most);
  const data = {
    ...aDataReport,
    dropped: Array.from({ length: 8 }, () => ({ reason: long(160), rows: 1, example: long(160) })),
  };
  const resolved = { baseSha256: 'ab'.repeat(32), settings: Array.from({ length: 64 }, () => long(128)) };
  const recipe = { recipeHash: 'cd'.repeat(32), preparedUrl: 's3://b/p', steps: 4, summary: '8 rows', data, resolved };
  const words = fitted({ outcome: 'ready', recipe });
  assert.ok(Buffer.byteLength(JSON.stringify(words)) <= mostBytes);
  assert.deepEqual(
    {
      ...words.recipe,
      data: { ...words.recipe.data, dropped: [] },
      resolved: { ...words.recipe.resolved, settings: [] },
    },
    { ...recipe, data: { ...data, dropped: [] }, resolved: { ...resolved, settings: [] } },
  );
  assert.ok(words.recipe.resolved.settings!.length > 5);
  statusData.parse(words.recipe.data);
  statusResolved.parse(words.recipe.resolved);
});
