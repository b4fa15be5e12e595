import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { KubeConfig } from '@kubernetes/client-node';
import { EspalierError } from '../../../api/errors.js';
import { systemClock } from '../../../common/clock.js';
import { createKubeClient } from './client.js';
import { createHttp } from './http.js';
import { checkServer } from './server.js';

const kinds = { resources: [{ name: 'finetunejobs' }, { name: 'finetunejobs/status' }] };
const versionOf = (minor: string, major = '1') => ({
  major,
  minor,
  gitVersion: `v${major}.${Number.parseInt(minor, 10)}.1`,
});

/** What a controller says at its start to a server that answers so; a status above 299 is an answer without a body. */
async function said(answers: Readonly<Record<string, object>>, failures = 0): Promise<readonly string[]> {
  let left = failures;
  const server = createServer((request, response) => {
    // As while a server starts: the connection ends without an answer.
    if (left-- > 0) return void request.socket.destroy();
    const answer = answers[request.url ?? ''];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const config = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  config.loadFromClusterAndUser({ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'u' });
  const http = createHttp(config, systemClock);
  const lines: string[] = [];
  const log = {
    warn: (line: string) => void lines.push(`warn: ${line}`),
    info: (line: string) => void lines.push(line),
  };
  const clock = { sleep: async () => {} };
  try {
    await checkServer(createKubeClient({ http }), { clock, log }, new AbortController().signal);
  } catch (error) {
    assert.ok(error instanceof EspalierError, String(error));
    lines.push(`${error.name}: ${error.message}; ${error.remedy}`);
  } finally {
    http.close();
    server.closeAllConnections();
    server.close();
  }
  return lines;
}
const serving = { '/apis/espalier.dev/v1alpha1': kinds };
const fine = 'the API server has what is needed';

test('Kubernetes 1.34 to 1.37 is what the controller is made for, also as providers write it', async () => {
  for (const minor of ['34', '34+', '35', '36', '37'])
    assert.deepEqual(await said({ ...serving, '/version': versionOf(minor) }), [fine], minor);
});

test('Kubernetes 1.33 is too old: the controller says so and ends', async () => {
  const too = (version: string) =>
    `KubernetesTooOld: this cluster runs Kubernetes ${version}, Espalier needs 1.34 or later; upgrade the cluster to Kubernetes 1.34, or install Espalier on another one`;
  assert.deepEqual(await said({ ...serving, '/version': versionOf('33') }), [too('v1.33.1')]);
  assert.deepEqual(await said({ ...serving, '/version': {} }), [too('unknown')]);
});

test('Kubernetes 1.38 is newer than what was tested: the controller warns and goes on', async () => {
  assert.deepEqual(await said({ ...serving, '/version': versionOf('38') }), [
    'warn: Kubernetes v1.38.1 is newer than those that this Espalier was tested on',
    fine,
  ]);
});

test('a cluster without FineTuneJob is told how to get it', async () => {
  const [line] = await said({ '/version': versionOf('37') });
  assert.match(
    line ?? '',
    /^ResourceNotServed: the API server does not serve finetunejobs of espalier\.dev\/v1alpha1; install/,
  );
});

test('a server that does not answer yet is waited for', async () => {
  const lines = await said({ ...serving, '/version': versionOf('37') }, 2);
  assert.deepEqual(lines.at(-1), fine);
  assert.ok(lines.some((line) => line === 'warn: the API server does not answer yet'));
});
