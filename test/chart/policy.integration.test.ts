import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { apiVersion, kind } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import { systemClock } from '../../common/clock.js';
import { packageRoot } from '../../common/root.js';
import { preflightPod } from '../../controller/resources/preflightPod.js';
import { workerJob } from '../../controller/resources/workerJob.js';
import { run } from '../cluster/command.js';
import { pathsFor } from '../cluster/paths.js';
import { ensureClients } from '../cluster/tools.js';
import { ControlPlane } from '../support/aControlPlane.js';
import { type Kubectl, kubectlFor } from '../support/aKubectl.js';
import { aClusterSpec, someSettings } from '../support/aWorld.js';

// The chart's ValidatingAdmissionPolicies, as helm renders them, on a real API server.

const controller = 'system:serviceaccount:espalier:espalier';
let plane: ControlPlane;
let kubectl: Kubectl;
let namespace: string;

before(async () => {
  plane = await ControlPlane.start();
  kubectl = await kubectlFor(plane);
  namespace = await plane.namespace(AbortSignal.timeout(60_000));
  const { helm } = await ensureClients(pathsFor(process.env).tools, () => {});
  const rendered = await run(helm, [
    ...['template', 'espalier', join(packageRoot(), 'charts/espalier'), '--namespace', 'espalier'],
    ...['--kube-version', '1.37.2', '--set', 'policy.images={mirror.example.com/ml/}'],
  ]);
  const policies = parseAllDocuments(rendered)
    .map((document) => (document.toJS() ?? {}) as { readonly kind?: string })
    .filter((object) => object.kind?.startsWith('ValidatingAdmissionPolicy'));
  assert.equal(policies.length, 4);
  await must(['apply', '-f', '-'], policies);
  await must(['create', 'clusterrolebinding', 'all', '--clusterrole=cluster-admin', `--user=${controller}`]);
  // The API server asks for a pod's account before it asks the policies.
  await must(['create', 'serviceaccount', 'admin', '-n', namespace]);
  await enforced();
});
after(async () => {
  await plane[Symbol.asyncDispose]();
});

async function must(args: readonly string[], objects: readonly object[] = []): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const { code, stderr } = await kubectl(args, { input });
  assert.equal(code, 0, stderr);
}

/** What the API server says to an object, which is not kept. */
async function said(object: object, as?: string): Promise<string> {
  const args = ['create', '--dry-run=server', '-f', '-', ...(as ? [`--as=${as}`] : [])];
  const { code, stderr } = await kubectl(args, { input: JSON.stringify(object) });
  return code === 0 ? 'taken' : stderr;
}

const owner = () => ({ namespace, name: 'a-job', uid: 'uid-1' });
const job = (workers: object = {}) =>
  checkJob({ apiVersion, kind, metadata: { name: 'a-job' }, spec: { ...aClusterSpec, workers } }, { file: 'test' });
const resource = (workers: object) => ({ ...job(workers), metadata: { name: 'a-job', namespace } });
const settings = (serviceAccount: string) => ({
  ...someSettings,
  workers: { ...someSettings.workers, serviceAccount },
});
const pod = (serviceAccount = 'default') => preflightPod(owner(), job(), 0, settings(serviceAccount));
const workers = (serviceAccount = 'default') =>
  workerJob({ owner: owner(), job: job(), attempt: 0, replicas: 2, settings: settings(serviceAccount) });

/** A policy holds a moment after it was made: until then what it refuses is taken. */
async function enforced(): Promise<void> {
  const signal = AbortSignal.timeout(300_000);
  while (
    (await said(resource({ image: 'elsewhere/worker:1' }))) === 'taken' ||
    (await said(workers('admin'), controller)) === 'taken'
  )
    await systemClock.sleep(200, signal);
}

test('an image from elsewhere is refused with the prefixes that are allowed; one of those is taken', async () => {
  assert.match(
    await said(resource({ image: 'elsewhere/worker:1' })),
    /spec\.workers\.image must start with one of mirror\.example\.com\/ml\//,
  );
  assert.equal(await said(resource({ image: 'mirror.example.com/ml/worker:1' })), 'taken');
  assert.equal(await said(resource({ replicas: 2 })), 'taken');
});

test('the controller makes pods that run as the account of workers, and no others', async () => {
  assert.equal(await said(workers(), controller), 'taken');
  for (const object of [workers('admin'), pod('admin')])
    assert.match(await said(object, controller), /worker pods may not run as service account admin/);
  assert.equal(await said(workers('admin')), 'taken', 'others than the controller are not its business');
});

test("pods of the controller share nothing of the node's and gain no rights", async () => {
  // Without an owner reference: there is no such FineTuneJob here, and nobody asks.
  const changed = (spec: object) => ({ ...pod(), spec: { ...pod().spec, ...spec } });
  const [container] = pod().spec!.containers;
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ hostNetwork: true }, /worker pods may not share the node's namespaces/],
    [
      { volumes: [...(pod().spec?.volumes ?? []), { name: 'v', hostPath: { path: '/' } }] },
      /worker pods may not mount the node's files/,
    ],
    [
      { containers: [{ ...container!, securityContext: { allowPrivilegeEscalation: true } }] },
      /worker containers may not gain privileges/,
    ],
  ];
  for (const [spec, words] of cases) assert.match(await said(changed(spec), controller), words);
});
