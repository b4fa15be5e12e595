import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { type ApiAccess, accessOfEnvironment, plainAccess } from './apiAccess.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-access-'));
  await writeFile(join(folder, 'ca.crt'), 'AUTHORITY');
  await writeFile(join(folder, 'token'), 'a-token\n');
});
after(() => rm(folder, { recursive: true, force: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const kubeconfig = (cluster: object, user: object) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server: 'https://there:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  });
const optionsOf = async (access: ApiAccess) => {
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options as never);
  const { ca, cert, key, headers } = options;
  const text = (value: unknown) => (value === undefined ? undefined : String(value));
  const authorization = (headers as Record<string, string> | undefined)?.authorization;
  const fromLibrary = (headers as Record<string, string> | undefined)?.Authorization;
  return { ca: text(ca), cert: text(cert), key: text(key), authorization: authorization ?? fromLibrary };
};

test('certificates and tokens are read as the client library reads them', async () => {
  const cluster = { 'certificate-authority-data': base64('AUTHORITY') };
  const users = [
    { token: 'a-token' },
    { 'client-certificate-data': base64('CERTIFICATE'), 'client-key-data': base64('KEY') },
  ];
  for (const user of users) {
    const text = kubeconfig(cluster, user);
    const plain = plainAccess(text, folder);
    assert.ok(plain);
    const library = new KubeConfig();
    library.loadFromString(text);
    assert.equal(plain.getCurrentCluster()?.server, library.getCurrentCluster()?.server);
    assert.deepEqual(await optionsOf(plain), await optionsOf(library));
  }
});

test('a kubeconfig with more in it is left to the client library', async () => {
  const ca = { 'certificate-authority-data': base64('AUTHORITY') };
  for (const [cluster, user] of [
    [ca, { exec: { command: 'plugin' } }],
    [{ ...ca, 'proxy-url': 'http://proxy' }, { token: 'a-token' }],
    [{ ...ca, 'insecure-skip-tls-verify': true }, { token: 'a-token' }],
    [ca, { token: 'a-token', as: 'somebody' }],
  ] as const)
    assert.equal(plainAccess(kubeconfig(cluster, user), folder), undefined);
  assert.equal(plainAccess('{', folder), undefined);
  const path = join(folder, 'proxied');
  await writeFile(path, kubeconfig({ ...ca, 'proxy-url': 'http://proxy' }, { token: 'a-token' }));
  const previous = process.env.KUBECONFIG;
  process.env.KUBECONFIG = path;
  try {
    assert.equal((await accessOfEnvironment({ KUBECONFIG: path })).getCurrentCluster()?.proxyUrl, 'http://proxy');
  } finally {
    if (previous === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = previous;
  }
});

test('inside a pod the service account shows who asks, and a renewed token is used', async () => {
  const environment = { KUBECONFIG: '', KUBERNETES_SERVICE_HOST: '10.0.0.1', HOME: folder };
  const access = await accessOfEnvironment(environment, folder);
  assert.equal(access.getCurrentCluster()?.server, 'https://10.0.0.1:443');
  const first = await optionsOf(access);
  assert.deepEqual([first.ca, first.authorization], ['AUTHORITY', 'Bearer a-token']);
  await writeFile(join(folder, 'token'), 'the-next');
  assert.equal((await optionsOf(access)).authorization, 'Bearer the-next');
});
