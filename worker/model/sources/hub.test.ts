import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sha256 } from '../../../common/hash.js';
import { packageRoot } from '../../../common/root.js';
import { aBaseDeps, aHub } from '../../../test/support/baseDeps.js';
import { type FakeRepository, type Fault, type SeenRequest, startFakeHub } from '../../../test/support/fakeHub.js';
import { resolveBase } from '../resolve.js';
import { hubSettings, proxyFor } from './hubSettings.js';

const id = 'espalier/tiny';
const commit = 'a'.repeat(40);
const root = await mkdtemp(join(tmpdir(), 'espalier-hub-'));
const golden = join(packageRoot(), 'test/golden/models/llama');
const files = {
  'config.json': await readFile(join(golden, 'config.json')),
  'model.safetensors': await readFile(join(golden, 'model.safetensors')),
  'tokenizer.json': Buffer.from('{"model":{"vocab":{"a":0}},"added_tokens":[]}'),
  'pytorch_model.bin': Buffer.from('not wanted'),
};
const repository: FakeRepository = {
  commit,
  revisions: ['main', 'v1'],
  files,
  lfs: ['model.safetensors'],
  license: 'mit',
};
after(() => rm(root, { recursive: true }));

async function start(more: Partial<FakeRepository> = {}, faults: readonly Fault[] = []) {
  const folder = await mkdtemp(join(root, 'case-'));
  const hub = await startFakeHub({ [id]: { ...repository, ...more } });
  hub.faults.push(...faults);
  const deps = (settings = {}) => aBaseDeps(folder, { hub: aHub(folder, hub.endpoint, settings) });
  return { folder, hub, deps, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() };
}

const source = `hf://${id}`;

describe('a base on the hub', () => {
  it('is fetched into the shared cache layout and named by its commit', async () => {
    await using test = await start();
    const base = await resolveBase({ sources: [source] }, test.deps());
    assert.deepEqual([base.revision, base.nameOrPath, base.license, base.source], [commit, id, 'mit', source]);
    const snapshot = join(test.folder, 'hub/models--espalier--tiny/snapshots', commit);
    assert.deepEqual((await readdir(snapshot)).sort(), ['config.json', 'model.safetensors', 'tokenizer.json']);
    assert.deepEqual(await readFile(join(snapshot, 'model.safetensors')), repository.files['model.safetensors']);
    assert.equal(await readFile(join(snapshot, '../../refs/main'), 'utf8'), commit);
  });

  it('needs no network once its commit is here', async () => {
    await using test = await start();
    const first = await resolveBase({ sources: [`${source}@${commit}`] }, test.deps());
    const requests = test.hub.seen.length;
    assert.deepEqual(await resolveBase({ sources: [source], revision: commit }, test.deps()), { ...first, source });
    assert.equal(test.hub.seen.length, requests);
  });

  it('follows a branch to its new commit, fetching only what changed', async () => {
    await using test = await start();
    await resolveBase({ sources: [source] }, test.deps());
    const config = Buffer.from(String(repository.files['config.json']).replace('{', '{ '));
    test.hub.publish({
      [id]: { ...repository, commit: 'b'.repeat(40), files: { ...repository.files, 'config.json': config } },
    });
    test.hub.seen.length = 0;
    assert.equal((await resolveBase({ sources: [source] }, test.deps())).revision, 'b'.repeat(40));
    assert.deepEqual(
      test.hub.seen.map(({ path }) => path.split('/').at(-1)),
      ['main?blobs=true', 'config.json'],
    );
  });

  it('uses the copy it has when the hub cannot be reached, and says so', async () => {
    await using test = await start();
    const base = await resolveBase({ sources: [source] }, test.deps());
    const deps = test.deps({ endpoint: 'http://127.0.0.1:9' });
    assert.deepEqual(await resolveBase({ sources: [source] }, deps), base);
    assert.ok(deps.messages.some((message) => message.includes('using the copy fetched before')));
  });

  it('sends the token to the hub and never to its CDN', async () => {
    await using test = await start({ access: 'private' });
    await resolveBase({ sources: [source] }, test.deps({ token: 'hf_good' }));
    for (const { host, authorization } of test.hub.seen)
      assert.equal(authorization, host === 'hub' ? 'Bearer hf_good' : undefined);
    assert.ok(test.hub.seen.some(({ host }) => host === 'cdn'));
  });

  it('goes on after a connection that was reset within a file', async () => {
    await using test = await start({}, [{ at: 'model.safetensors', kind: 'reset', value: 5000 }]);
    await resolveBase({ sources: [source] }, test.deps());
    // How much of the first answer arrived is the network's affair; the next test fixes it.
    assert.equal(cdnRanges(test.hub).length, 2);
  });

  it('asks only for the rest of a file that is here in part', async () => {
    await using test = await start();
    await leavePart(test.folder, 5000);
    await resolveBase({ sources: [source] }, test.deps());
    assert.deepEqual(cdnRanges(test.hub), ['bytes=5000-']);
  });

  it('starts again when what is here in part is longer than the file', async () => {
    await using test = await start();
    await leavePart(test.folder, 10_000_000);
    await resolveBase({ sources: [source] }, test.deps());
    assert.deepEqual(cdnRanges(test.hub), [undefined]);
  });

  it('copes with servers that ignore a range or do not say where theirs begins', async () => {
    for (const kind of ['ignoreRange', 'noRange'] as const) {
      await using test = await start({}, [{ at: 'model.safetensors', kind }]);
      await leavePart(test.folder, 5000);
      await resolveBase({ sources: [source] }, test.deps());
    }
  });

  it('tries again after a reset, a 500 and a 429', async () => {
    await using test = await start({}, [
      { at: 'api', kind: 'reset' },
      { at: 'api', kind: 'status', value: 500 },
      { at: 'config.json', kind: 'status', value: 429 },
      { at: 'model.safetensors', kind: 'status', value: 503 },
    ]);
    await resolveBase({ sources: [source] }, test.deps());
  });

  it('fetches wrong bytes once more, and refuses them the second time', async () => {
    const wrong: Fault = { at: 'model.safetensors', kind: 'wrongBytes' };
    await using once = await start({}, [wrong]);
    await resolveBase({ sources: [source] }, once.deps());
    await using twice = await start({}, [wrong, wrong]);
    await assert.rejects(resolveBase({ sources: [source] }, twice.deps()), { name: 'DownloadCorrupt' });
    await using small = await start({}, [
      { at: 'config.json', kind: 'wrongBytes' },
      { at: 'config.json', kind: 'wrongBytes' },
    ]);
    await assert.rejects(resolveBase({ sources: [source] }, small.deps()), { name: 'DownloadCorrupt' });
  });

  const refusals: readonly [string, string, string, Partial<FakeRepository>, string | null][] = [
    ['a gated repository', 'BaseGated', source, { access: 'gated' }, null],
    ['a private repository without a token', 'HubRepositoryUnknown', source, { access: 'private' }, null],
    ["a private repository with a stranger's token", 'HubRepositoryUnknown', source, { access: 'private' }, 'hf_other'],
    ['a repository that is not there', 'HubRepositoryUnknown', 'hf://espalier/none', {}, 'hf_good'],
    ['a revision that is not there', 'HubRevisionUnknown', `${source}@v9`, {}, null],
    ['a file that is not there', 'BaseMissing', `${source}/none.gguf`, {}, null],
    ['a repository without weights', 'BaseMissing', source, { files: { 'config.json': Buffer.from('{}') } }, null],
    ['a source that is no repository', 'BaseMissing', 'hf://tiny', {}, null],
  ];
  for (const [what, name, from, more, token] of refusals)
    it(`says so when asked for ${what}`, async () => {
      await using test = await start(more);
      await assert.rejects(resolveBase({ sources: [from] }, test.deps({ token })), { name });
    });

  it('gives up after some tries, naming the endpoint', async () => {
    await using test = await start({}, Array(5).fill({ at: 'api', kind: 'status', value: 502 }));
    await assert.rejects(resolveBase({ sources: [source] }, test.deps()), {
      name: 'HubUnreachable',
      facts: { endpoint: test.hub.endpoint, why: 'status 502' },
    });
  });

  it('stops when its signal aborts', async () => {
    await using test = await start();
    const signal = AbortSignal.abort(new Error('interrupted'));
    await assert.rejects(resolveBase({ sources: [source] }, { ...test.deps(), signal }), /interrupted/);
  });

  it('may be a GGUF file inside a repository', async () => {
    const file = await readFile(join(packageRoot(), 'test/golden/gguf/llama-spm.gguf'));
    await using test = await start({ files: { 'q/m.gguf': file }, lfs: ['q/m.gguf'] });
    const base = await resolveBase({ sources: [`${source}@v1/q/m.gguf`] }, test.deps());
    assert.deepEqual([base.storedAs, base.nameOrPath, base.revision], ['F16', id, commit]);
  });

  it('goes through the proxy, and around it for hosts that NO_PROXY names', async () => {
    await using test = await start();
    const asked: string[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      const [host, port] = (request.url ?? '').split(':');
      const target = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        target.pipe(socket).pipe(target);
      });
      for (const end of [target, socket]) end.on('error', () => target.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const httpProxy = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await resolveBase({ sources: [source] }, test.deps({ httpProxy }));
    assert.ok(asked.includes(new URL(test.hub.endpoint).host));
    asked.length = 0;
    await using again = await start();
    await resolveBase({ sources: [source] }, again.deps({ httpProxy, noProxy: 'localhost, 127.0.0.1' }));
    assert.deepEqual(asked, []);
    proxy.close();
    proxy.closeAllConnections();
  });
});

describe('hub settings', () => {
  it('come from the variables that Hugging Face documents', () => {
    assert.deepEqual(
      hubSettings({
        HF_HOME: '/h',
        HF_TOKEN: 't',
        HF_ENDPOINT: 'https://mirror/',
        HTTPS_PROXY: 'http://p',
        no_proxy: 'x',
      }),
      {
        endpoint: 'https://mirror',
        token: 't',
        cacheDirectory: '/h/hub',
        httpProxy: '',
        httpsProxy: 'http://p',
        noProxy: 'x',
      },
    );
    assert.match(hubSettings({ XDG_CACHE_HOME: '/x' }).cacheDirectory, /^\/x\/huggingface\/hub$/);
  });

  it('choose a proxy by scheme and exempt hosts, suffixes and ports', () => {
    const proxied = (url: string, noProxy: string) =>
      proxyFor(new URL(url), aHub('', '', { httpProxy: 'http://p', httpsProxy: 'http://s', noProxy }));
    assert.equal(proxied('https://hub.co/a', ''), 'http://s');
    assert.equal(proxied('http://hub.co/a', 'other'), 'http://p');
    for (const rule of ['*', 'hub.co', 'co', '.co', '*.co', 'a,hub.co:443'])
      assert.equal(proxied('https://hub.co/a', rule), undefined, rule);
    for (const rule of ['ub.co', 'hub.co:80', '.hub.co'])
      assert.equal(proxied('https://hub.co/a', rule), 'http://s', rule);
  });
});

async function leavePart(folder: string, size: number): Promise<void> {
  const whole = Buffer.from(repository.files['model.safetensors']!);
  const blobs = join(folder, 'hub/models--espalier--tiny/blobs');
  await mkdir(blobs, { recursive: true });
  await writeFile(
    join(blobs, `${sha256(whole)}.incomplete`),
    Buffer.alloc(size, whole).fill(whole, 0, Math.min(size, whole.length)),
  );
}

const cdnRanges = ({ seen }: { readonly seen: readonly SeenRequest[] }) =>
  seen.filter(({ host }) => host === 'cdn').map(({ range }) => range);
