import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersion, type FineTuneJobInput, kind } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import { aClusterSpec, someSettings } from '../../test/support/aWorld.js';
import { disruptionBudget, tokenOf, workerNetworkPolicy } from './access.js';
import { jobConfigMap, readJobConfigMap } from './configMaps.js';
import type { Owner } from './names.js';
import { preflightPod } from './preflightPod.js';
import { workerJob } from './workerJob.js';

const owner: Owner = { namespace: 'ns', name: 'a-job', uid: 'uid-1' };
const aJob = (workers: object = {}, metadata: object = {}) =>
  checkJob(
    {
      apiVersion,
      kind,
      metadata: { name: 'a-job', ...metadata },
      spec: { ...aClusterSpec, workers: { replicas: 3, ...workers } },
    },
    { file: 'test' },
  );
const built = (workers: object = {}, metadata: object = {}, settings = someSettings) =>
  workerJob({ owner, job: aJob(workers, metadata), attempt: 0, replicas: 3, settings });
const podOf = (job = built()) => job.spec!.template.spec!;
const container = (job = built()) => podOf(job).containers[0]!;

test('traps 2, 3, 5, 10, 11: the Job counts nothing, ends nothing by itself, and has one number of pods', () => {
  const { template: _, ...spec } = built().spec!;
  assert.deepEqual(spec, {
    completionMode: 'Indexed',
    parallelism: 3,
    completions: 3,
    backoffLimitPerIndex: 2147483647,
    podReplacementPolicy: 'TerminatingOrFailed',
    successPolicy: { rules: [{ succeededCount: 1 }] },
    suspend: false,
  });
});

test('trap 4: a silent node is left after 30 s, and a container is never restarted in place', () => {
  const { tolerations, restartPolicy } = podOf();
  assert.deepEqual(
    tolerations?.map(({ key, effect, tolerationSeconds }) => [key, effect, tolerationSeconds]),
    [
      ['node.kubernetes.io/not-ready', 'NoExecute', 30],
      ['node.kubernetes.io/unreachable', 'NoExecute', 30],
    ],
  );
  assert.equal(restartPolicy, 'Never');
});

test('traps 6, 7, 8: with a queue the Job begins suspended and may be scaled without a new admission', () => {
  const queued = built(
    {},
    { labels: { 'kueue.x-k8s.io/queue-name': 'gpus', 'kueue.x-k8s.io/priority-class': 'high' } },
  );
  assert.equal(queued.spec?.suspend, true);
  assert.deepEqual(queued.metadata?.annotations, { 'kueue.x-k8s.io/elastic-job': 'true' });
  assert.equal(queued.metadata?.labels?.['kueue.x-k8s.io/queue-name'], 'gpus');
  assert.equal(queued.metadata?.labels?.['kueue.x-k8s.io/priority-class'], 'high');
  assert.equal(built().metadata?.annotations, undefined);
});

test('trap 12: the longest name still gives DNS labels', () => {
  const long = { ...owner, name: 'x'.repeat(48) };
  const job = workerJob({ owner: long, job: aJob(), attempt: 9999, replicas: 1024, settings: someSettings });
  assert.ok(`${job.metadata?.name}-1023`.length <= 63);
  assert.ok(preflightPod(long, aJob(), 99, someSettings).metadata!.name!.length <= 63);
});

test('trap 13: the budget is an integer one below the live workers, and never holds a drain for one that is not ready', () => {
  const wanted = [0, 1, 3].map((live) => disruptionBudget(owner, live).spec);
  assert.deepEqual(
    wanted.map((spec) => [spec?.minAvailable, spec?.unhealthyPodEvictionPolicy]),
    [
      [0, 'AlwaysAllow'],
      [0, 'AlwaysAllow'],
      [2, 'AlwaysAllow'],
    ],
  );
});

test('trap 14: time to leave, no shell, no mesh, no token of the API server', () => {
  const { terminationGracePeriodSeconds, automountServiceAccountToken } = podOf();
  assert.deepEqual([terminationGracePeriodSeconds, automountServiceAccountToken], [60, false]);
  assert.deepEqual(container().command, [
    'node',
    '--enable-source-maps',
    '--initial-old-space-size=128',
    '--single-threaded-gc',
    '/app/dist/bin/pod.js',
  ]);
  assert.deepEqual(built().spec?.template.metadata?.annotations, {
    'sidecar.istio.io/inject': 'false',
    'linkerd.io/inject': 'disabled',
  });
});

test('trap 15: restricted pod security, no path of the host; the cache is a claim where one is mounted there', () => {
  for (const spec of [podOf(), preflightPod(owner, aJob(), 0, someSettings).spec!]) {
    assert.deepEqual(
      [spec.securityContext?.runAsNonRoot, spec.securityContext?.seccompProfile, spec.containers[0]?.securityContext],
      [
        true,
        { type: 'RuntimeDefault' },
        { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      ],
    );
    assert.ok(spec.volumes?.every(({ hostPath }) => hostPath === undefined));
    assert.ok(spec.volumes?.some(({ name, emptyDir }) => name === 'espalier-cache' && emptyDir));
  }
  const claimed = podOf(built({ volumes: [{ name: 'bases', claimName: 'bases', mountPath: '/var/cache/espalier' }] }));
  assert.deepEqual(claimed.volumes?.find(({ name }) => name === 'claim-bases')?.persistentVolumeClaim, {
    claimName: 'bases',
    readOnly: false,
  });
  assert.ok(!claimed.volumes?.some(({ name }) => name === 'espalier-cache'));
});

test('GPUs are limits, a preflight asks for none; resources of the job replace the defaults', () => {
  const gpu = { device: 'cuda', gpu: { count: 2, resource: 'nvidia.com/gpu' } };
  assert.deepEqual(container(built(gpu)).resources, {
    requests: { cpu: '250m', memory: '512Mi' },
    limits: { 'nvidia.com/gpu': '2' },
  });
  const own = { ...gpu, resources: { limits: { cpu: '4' } } };
  assert.deepEqual(container(built(own)).resources, { limits: { cpu: '4', 'nvidia.com/gpu': '2' } });
  const preflight = preflightPod(owner, aJob(gpu), 0, someSettings);
  assert.deepEqual(preflight.spec?.containers[0]?.resources, { requests: { cpu: '250m', memory: '512Mi' } });
});

test('a preflight is told the limits of the workers to come', () => {
  const told = (workers: object) =>
    preflightPod(owner, aJob(workers), 0, someSettings)
      .spec?.containers[0]?.env?.filter(({ name }) => name.startsWith('ESPALIER_WORKER_'))
      .map(({ name, value }) => `${name}=${value}`);
  assert.deepEqual(told({ resources: { limits: { cpu: '1500m', memory: '2Gi' } } }), [
    'ESPALIER_WORKER_CPUS=1.5',
    'ESPALIER_WORKER_MEMORY=2Gi',
  ]);
  assert.deepEqual(told({}), []);
});

test('credentials come from the Secrets of the connections, as files and for the output as variables', () => {
  const { env, volumeMounts } = container();
  assert.deepEqual(
    env?.filter(({ name }) => name.startsWith('AWS_')).map(({ name, valueFrom }) => [name, valueFrom?.secretKeyRef]),
    [
      ['AWS_ACCESS_KEY_ID', { name: 'store-keys', key: 'AWS_ACCESS_KEY_ID', optional: false }],
      ['AWS_SECRET_ACCESS_KEY', { name: 'store-keys', key: 'AWS_SECRET_ACCESS_KEY', optional: false }],
      ['AWS_SESSION_TOKEN', { name: 'store-keys', key: 'AWS_SESSION_TOKEN', optional: true }],
    ],
  );
  assert.ok(volumeMounts?.some(({ mountPath }) => mountPath === '/etc/espalier/secrets/store-keys'));
});

test('the listed overrides reach the pods, the operator’s come first', () => {
  const settings = {
    ...someSettings,
    workers: {
      ...someSettings.workers,
      nodeSelector: { pool: 'training' },
      pullSecrets: ['registry'],
      proxy: { http: '', https: 'http://proxy:3128', exempt: '' },
    },
  };
  const workers = {
    image: 'mine:1',
    nodeSelector: { zone: 'b' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    affinity: { podAntiAffinity: {} },
  };
  const spec = podOf(built(workers, {}, settings));
  assert.deepEqual(
    {
      image: spec.containers[0]?.image,
      nodeSelector: spec.nodeSelector,
      last: spec.tolerations?.at(-1),
      affinity: spec.affinity,
      pull: spec.imagePullSecrets,
      proxy: spec.containers[0]?.env?.find(({ name }) => name === 'HTTPS_PROXY')?.value,
    },
    {
      image: 'mine:1',
      nodeSelector: { pool: 'training', zone: 'b' },
      last: { key: 'gpu', operator: 'Exists' },
      affinity: { podAntiAffinity: {} },
      pull: [{ name: 'registry' }],
      proxy: 'http://proxy:3128',
    },
  );
});

test('another scheduler is named, and what it knows a group by is passed on', () => {
  const metadata = {
    annotations: {
      'espalier.dev/scheduler-name': 'volcano',
      'scheduling.k8s.io/group-name': 'group',
      'volcano.sh/preemptable': 'true',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    },
    labels: { 'scheduling.x-k8s.io/pod-group': 'group', team: 'a' },
  };
  const { metadata: podMetadata, spec } = built({}, metadata).spec!.template;
  assert.equal(spec?.schedulerName, 'volcano');
  assert.equal(podMetadata?.annotations?.['scheduling.k8s.io/group-name'], 'group');
  assert.equal(podMetadata?.annotations?.['volcano.sh/preemptable'], 'true');
  assert.ok(!podMetadata?.annotations?.['kubectl.kubernetes.io/last-applied-configuration']);
  assert.equal(podMetadata?.labels?.['scheduling.x-k8s.io/pod-group'], 'group');
  assert.ok(!podMetadata?.labels?.team);
});

test('workers hear only those of their job and the controller', () => {
  const policy = workerNetworkPolicy(owner, someSettings) as { spec?: { ingress?: { from?: unknown }[] } };
  assert.deepEqual(policy.spec?.ingress?.[0]?.from, [
    {
      podSelector: {
        matchLabels: { 'espalier.dev/job': 'a-job', 'espalier.dev/job-uid': 'uid-1', 'espalier.dev/role': 'worker' },
      },
    },
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'espalier' } },
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'espalier' } },
    },
  ]);
});

test('a token is of one job and one key', () => {
  const token = tokenOf('key', owner);
  assert.match(token, /^[0-9a-f]{64}$/);
  assert.equal(tokenOf('key', { ...owner }), token);
  assert.notEqual(tokenOf('key', { ...owner, uid: 'uid-2' }), token);
  assert.notEqual(tokenOf('other', owner), token);
});

test('the resolved job comes back from its ConfigMap whole', () => {
  const job = aJob();
  const map = jobConfigMap(owner, job);
  assert.equal(map.immutable, true);
  assert.deepEqual(readJobConfigMap(map), job);
  const spec: FineTuneJobInput['spec'] = readJobConfigMap(map).spec as FineTuneJobInput['spec'];
  assert.equal(spec.output.destination, 's3://models/out/');
});
