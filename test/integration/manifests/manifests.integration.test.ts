import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { kubectlFor } from '../../support/aKubectl.js';
import { type ManifestCase, ManifestTable } from '../../support/manifestTable.js';
import { plane } from '../../support/sharedPlane.js';
import { aClaim, type Layer, refusalOf } from './refusal.js';

// The table of manifests once more, now through kubectl, a real API server, the controller's rules and the preflight.
// UPDATE=1 writes anew what they say; read the difference.

const kubectl = await kubectlFor(plane);
const claim = await aClaim();
after(() => claim[Symbol.asyncDispose]());

const table = ManifestTable.read();
/** Overrides are the command line's own. */
const rows = table.cases.filter(({ input }) => !input.some((line) => line.startsWith('--set ')));
const told = (row: ManifestCase): Promise<string> => refusalOf(table.textOf(row).text, kubectl, claim);

for (const row of process.env.UPDATE ? [] : rows)
  test(`${row.title}: the cluster's answer is the recorded one`, async () => {
    assert.equal(await told(row), row.cluster);
  });

if (process.env.UPDATE)
  test('the table is written anew', async () => {
    const said = new Map<string, string>();
    for (const row of rows) said.set(row.title, await told(row));
    table.write(({ title }) => ({ cluster: said.get(title) ?? '' }));
  });

/** Who refuses a row first. */
const layerOf = ({ cluster }: ManifestCase): Layer => cluster.split(':')[0] as Layer;
/** What kubectl's YAML reader takes and ours does not: it says no word of it, so nobody in a cluster can. */
const lostInReading = ['yes for true', 'an optional field without value', 'a field twice'];
const refused = rows.filter(({ title, cluster }) => cluster !== 'accepted' && !lostInReading.includes(title));

test('the table holds at least 60 bad manifests, at least 45 of them refused by the API server, and every layer', () => {
  const count = (...layers: Layer[]) => refused.filter((row) => layers.includes(layerOf(row))).length;
  assert.ok(refused.length >= 60, `${refused.length}`);
  assert.ok(count('strict', 'schema', 'rule', 'server') >= 45, `${count('strict', 'schema', 'rule', 'server')}`);
  for (const layer of ['strict', 'schema', 'rule', 'controller', 'preflight'] as const)
    assert.ok(count(layer) >= 3, `${layer}: ${count(layer)}`);
});

/** Fields that a message of the command line names. */
const fieldsOf = ({ says }: ManifestCase): string[] =>
  [...says.matchAll(/^ {2}\S+ ([^:]+):/gm)].map(([, path]) => path!).filter((path) => /^(spec|metadata)\b/.test(path));

test('an answer of the API server names a field that the command line names, and says what is wrong with it', () => {
  const mute = refused
    .filter((row) => ['strict', 'schema', 'rule'].includes(layerOf(row)) && row.says !== 'valid')
    .filter((row) => !fieldsOf(row).some((field) => row.cluster.includes(field.replace(/\[.*$/, ''))))
    .filter((row) => fieldsOf(row).length > 0);
  assert.deepEqual(
    mute.map(({ title, cluster }) => `${title}: ${cluster}`),
    [],
  );
});

test('what the command line takes for valid is refused in a cluster only for what no file can show', () => {
  const odd = refused.filter((row) => row.says === 'valid' && !['controller', 'preflight'].includes(layerOf(row)));
  assert.deepEqual(
    odd.map(({ title }) => title),
    [],
  );
});

test('what the command line refuses is refused in a cluster too, but for what gets lost in reading', () => {
  const taken = rows.filter(
    ({ says, cluster }) => says !== 'valid' && (cluster === 'accepted' || cluster.includes('DestinationNotShared')),
  );
  assert.deepEqual(
    taken.map(({ title }) => title),
    lostInReading,
  );
});
