import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sha256 } from '../../common/hash.js';
import { keysOf, readText, rejectsWith, text } from '../../test/contracts/store.js';
import { withFaults } from '../store/faults.js';
import { createMemoryStore } from '../store/memory.js';
import type { Store } from '../store/store.js';
import { manifestKey, readJson } from './manifest.js';
import { publish } from './publish.js';
import { verifyPublished } from './verify.js';

const temporary = await mkdtemp(join(tmpdir(), 'publish-'));
after(() => rm(temporary, { recursive: true, force: true }));

const recipeHash = 'ab12'.repeat(16);
const otherHash = 'cd34'.repeat(16);
const adapterSha256 = sha256('weights');

/** An export as `exportArtifacts` leaves it; `attempt` stands for the times in card and record. */
async function exported(attempt: string, more: Record<string, string> = {}): Promise<string> {
  const folder = await mkdtemp(join(temporary, 'export-'));
  await mkdir(join(folder, 'serving'));
  const files = {
    'README.md': `card of ${attempt}`,
    'espalier.json': `{"attempt":"${attempt}"}`,
    'adapter_model.safetensors': 'weights',
    'adapter_config.json': '{}',
    'serving/adapter_model.safetensors': 'serving weights',
    ...more,
  };
  for (const [path, content] of Object.entries(files)) await writeFile(join(folder, path), content);
  return folder;
}

const run = async (store: Store, attempt = 'one', more: Record<string, string> = {}, recipe = recipeHash) =>
  publish({ store, folder: await exported(attempt, more), recipeHash: recipe, adapterSha256 });

async function snapshot(store: Store): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const key of await keysOf(store.list(''))) all[key] = await readText(store, key);
  return all;
}

const latestOf = async (store: Store) => JSON.parse(await readText(store, 'latest.json'));

test('files, manifest and latest stand at their places after publication', async () => {
  const store = createMemoryStore();
  const { outcome, manifest, url } = await run(store);
  assert.equal(outcome, 'published');
  assert.equal(url, store.url('ab12ab12ab12/'));
  assert.deepEqual(await keysOf(store.list('')), [
    'ab12ab12ab12/README.md',
    'ab12ab12ab12/adapter_config.json',
    'ab12ab12ab12/adapter_model.safetensors',
    'ab12ab12ab12/espalier.json',
    'ab12ab12ab12/manifest.json',
    'ab12ab12ab12/serving/adapter_model.safetensors',
    'latest.json',
  ]);
  assert.deepEqual(await verifyPublished(store, recipeHash), manifest);
  assert.deepEqual(await latestOf(store), {
    latestVersion: 1,
    recipeHash,
    adapterSha256,
    manifest: 'ab12ab12ab12/manifest.json',
    superseded: [],
  });
});

test('a second publication of the same is success, changes nothing, and takes over the card that was published', async () => {
  const store = createMemoryStore();
  await run(store, 'one');
  const before = await snapshot(store);
  const folder = await exported('two');
  const { outcome } = await publish({ store, folder, recipeHash, adapterSha256 });
  assert.equal(outcome, 'already published');
  assert.deepEqual(await snapshot(store), before);
  assert.equal(await readFile(join(folder, 'README.md'), 'utf8'), 'card of one');
});

for (const when of ['before', 'after', 'during'] as const)
  test(`a crash ${when} any operation leaves nothing half public, and the next attempt ends in the same state`, async () => {
    const reference = createMemoryStore();
    await run(reference, 'one');
    const wanted = await snapshot(reference);
    for (let at = 0; ; at++) {
      const store = createMemoryStore();
      const crash = new Error(`crash at ${at}`);
      let reached = false;
      const faulty = withFaults(store, ({ index }) => {
        if (index !== at) return undefined;
        reached = true;
        return { when, error: crash };
      });
      const crashed = await run(faulty, 'one').then(
        () => false,
        (error) => {
          if (error !== crash) throw error;
          return true;
        },
      );
      if (!reached) break;
      assert.ok(crashed);
      // Whoever looks now sees a whole publication or none, and never a pointer to nothing.
      if (await store.stat(manifestKey(recipeHash))) await verifyPublished(store, recipeHash);
      else assert.equal(await store.stat('latest.json'), undefined);
      const { manifest } = await run(store, 'one');
      assert.deepEqual(await snapshot(store), wanted, `after a crash ${when} operation ${at}`);
      assert.deepEqual(await verifyPublished(store, recipeHash), manifest);
      // The next attempt may also be another run of the recipe, with other times in card and record.
      assert.equal((await run(store, 'two')).outcome, 'already published');
      assert.ok(at < 200);
    }
  });

test('a crash between files of unlike attempts ends with a sound publication', async () => {
  for (let at = 0; at < 12; at++) {
    const store = createMemoryStore();
    const faulty = withFaults(store, ({ index }) =>
      index === at ? { when: 'after', error: new Error('crash') } : undefined,
    );
    await assert.rejects(run(faulty, 'one'));
    await run(store, 'two');
    await verifyPublished(store, recipeHash);
  }
});

test('publishers that run at once publish one thing', async () => {
  const store = createMemoryStore();
  const results = await Promise.all(['one', 'two', 'three'].map((attempt) => run(store, attempt)));
  for (const { manifest } of results) assert.deepEqual(manifest, results[0]?.manifest);
  await verifyPublished(store, recipeHash);
});

test('another recipe lies beside the first, latest names it, and the first does not take the place back', async () => {
  const store = createMemoryStore();
  await run(store);
  await run(store, 'other', {}, otherHash);
  assert.deepEqual((await latestOf(store)).recipeHash, otherHash);
  assert.deepEqual((await latestOf(store)).superseded, [recipeHash]);
  await verifyPublished(store, recipeHash);
  await verifyPublished(store, otherHash);
  assert.equal((await run(store)).outcome, 'already published');
  assert.equal((await latestOf(store)).recipeHash, otherHash);
});

test('of two recipes published at once one is latest and the other superseded', async () => {
  const store = createMemoryStore();
  await Promise.all([run(store, 'one', {}, recipeHash), run(store, 'one', {}, otherHash)]);
  const { recipeHash: newest, superseded } = await latestOf(store);
  assert.deepEqual([newest, ...superseded].sort(), [recipeHash, otherHash]);
});

test('the same recipe with other bits is refused, before and after its publication', async () => {
  const store = createMemoryStore();
  await run(store);
  const folder = await exported('two', { 'adapter_model.safetensors': 'other bits' });
  const other = { store, folder, recipeHash, adapterSha256: sha256('other bits') };
  await rejectsWith('DestinationTaken', () => publish(other));
  await store.remove(manifestKey(recipeHash));
  await rejectsWith('DestinationTaken', () => publish(other));
  assert.equal(await readText(store, 'ab12ab12ab12/adapter_model.safetensors'), 'weights');
});

test('places that hold what Espalier did not write are refused and left as they are', async () => {
  const pointer = createMemoryStore();
  await pointer.write('latest.json', text('{"mine":true}'));
  await rejectsWith('DestinationTaken', () => run(pointer));
  assert.equal(await readText(pointer, 'latest.json'), '{"mine":true}');
  const manifest = createMemoryStore();
  await manifest.write(manifestKey(recipeHash), text('not json'));
  await rejectsWith('DestinationTaken', () => run(manifest));
  assert.equal(await readJson(manifest, manifestKey(recipeHash), {}), null);
});

test('files that a finished publication lacks are named, not silently left out', async () => {
  const store = createMemoryStore();
  await run(store);
  await rejectsWith('PublishedWithout', () => run(store, 'two', { 'merged.safetensors': 'later wish' }));
});

test('nothing published, a lost, cut or changed file, and a foreign manifest are each found on verification', async () => {
  const key = 'ab12ab12ab12/adapter_config.json';
  await rejectsWith('PublicationMissing', () => verifyPublished(createMemoryStore(), recipeHash));
  const damages: ((store: Store) => Promise<unknown>)[] = [
    (store) => store.remove(key),
    (store) => store.write(key, text('{ }')),
    (store) => store.write(key, text('[]')),
    (store) => store.write(manifestKey(recipeHash), text('{"manifestVersion":1,"recipeHash":"x","files":[]}')),
  ];
  for (const damage of damages) {
    const store = createMemoryStore();
    await run(store);
    await damage(store);
    await rejectsWith('PublicationBroken', () => verifyPublished(store, recipeHash));
  }
});
