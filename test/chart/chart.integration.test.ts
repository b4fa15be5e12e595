import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { controllerConfig } from '../../api/controllerConfig.js';
import { packageRoot } from '../../common/root.js';
import { attempt, run } from '../cluster/command.js';
import { pathsFor } from '../cluster/paths.js';
import { ensureClients, ensureGoTool } from '../cluster/tools.js';
import { kubernetesSchemas, writeJobSchema } from './schemas.js';
import { valueSets } from './valueSets.js';

const chart = join(packageRoot(), 'charts/espalier');
const paths = pathsFor(process.env);
const silent = () => {};

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

let folder: string;
let helm: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-chart-'));
  ({ helm } = await ensureClients(paths.tools, silent));
});
after(() => rm(folder, { recursive: true }));

async function template(values: object, ...flags: string[]): Promise<string> {
  const file = join(folder, 'values.json');
  await writeFile(file, JSON.stringify(values));
  const words = ['template', 'espalier', chart, '--namespace', 'espalier', '--kube-version', '1.37.2'];
  return run(helm, [...words, '--values', file, ...flags]);
}

const objectsOf = (text: string): Rendered[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);

const named = (objects: readonly Rendered[], kind: string, name: string): Rendered =>
  objects.find((object) => object.kind === kind && object.metadata.name === name) ??
  assert.fail(`no ${kind} ${name}; there are ${objects.map((object) => `${object.kind} ${object.metadata.name}`)}`);

test('helm lint --strict finds nothing', async () => {
  const { code, stdout, stderr } = await attempt(helm, ['lint', '--strict', chart]);
  assert.equal(code, 0, stdout + stderr);
  assert.doesNotMatch(stdout, /WARNING|ERROR/);
});

test('the defaults render as test/chart/defaults.yaml has them; UPDATE=1 writes it anew, then read the diff', async () => {
  // The CRD has a test of its own.
  const rendered = await template({ crds: { install: false } });
  const snapshot = join(packageRoot(), 'test/chart/defaults.yaml');
  if (process.env.UPDATE) await writeFile(snapshot, rendered);
  else assert.equal(rendered, await readFile(snapshot, 'utf8'));
});

test('every set of values renders objects that Kubernetes 1.37 accepts, field by field', async () => {
  const kubeconform = await ensureGoTool(paths.tools, 'github.com/yannh/kubeconform/cmd/kubeconform', 'v0.8.0', silent);
  const schemas = await kubernetesSchemas(paths.tools, 'v1.37.2');
  await writeJobSchema(schemas);
  for (const [name, values] of Object.entries(valueSets)) {
    const rendered = await template(values);
    const { code, stdout, stderr } = await attempt(
      kubeconform,
      [
        '-strict',
        '-summary',
        '-schema-location',
        join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json'),
        // The Prometheus operator's own kind: its CRD is not part of Kubernetes.
        '-skip',
        'ServiceMonitor',
      ],
      { input: rendered },
    );
    assert.equal(code, 0, `${name}: ${stdout}${stderr}`);
    assert.match(stdout, /Invalid: 0, Errors: 0/);
  }
});

test('kubeconform with these schemas refuses a field that does not exist', async () => {
  const kubeconform = await ensureGoTool(paths.tools, 'github.com/yannh/kubeconform/cmd/kubeconform', 'v0.8.0', silent);
  const schemas = await kubernetesSchemas(paths.tools, 'v1.37.2');
  const input = (await template({})).replace('automountServiceAccountToken:', 'automountServiceAccountTokens:');
  const { code, stdout } = await attempt(
    kubeconform,
    ['-strict', '-schema-location', join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json')],
    { input },
  );
  assert.equal(code, 1);
  assert.match(stdout, /automountServiceAccountTokens/);
});

test('what the chart tells the controller is what the controller reads, in every set', async () => {
  for (const values of Object.values(valueSets)) {
    const config = named(objectsOf(await template(values)), 'ConfigMap', 'espalier').data as Record<string, string>;
    controllerConfig.parse(JSON.parse(config['controller.json']!));
  }
});

test('every value is read by a template: changed alone, it changes what is rendered', async () => {
  const values = parse(await readFile(join(chart, 'values.yaml'), 'utf8')) as object;
  // Some values speak only where another one lets them.
  const bases = [
    {},
    valueSets.monitored!,
    valueSets['mirror and proxy']!,
    { controller: { serviceAccount: { create: false, name: 'a' } } },
  ];
  const before = await inTurn(bases, (base) => template(base));
  const unread = await inTurn(leaves(values), async (path) => {
    const patch = nested(path, otherThan(path, at(values, path)));
    for (const [index, base] of bases.entries())
      if ((await template(merged(base, patch)).catch(String)) !== before[index]) return undefined;
    return path;
  });
  assert.deepEqual(
    unread.filter((path) => path !== undefined),
    [],
  );
});

async function inTurn<T, R>(items: readonly T[], make: (item: T) => Promise<R>): Promise<R[]> {
  const made: R[] = [];
  for (const item of items) made.push(await make(item));
  return made;
}

/** Paths of the values that are no maps of further settings. */
const leaves = (value: unknown, path = ''): string[] =>
  isMap(value) && Object.keys(value).length > 0 && !path.endsWith('resources')
    ? Object.entries(value).flatMap(([key, child]) => leaves(child, path === '' ? key : `${path}.${key}`))
    : [path];

/** Another value that the schema takes. */
function otherThan(path: string, value: unknown): unknown {
  const choices: Readonly<Record<string, unknown>> = {
    'images.pullPolicy': 'Always',
    'controller.logLevel': 'debug',
    'query.serviceType': 'NodePort',
    'monitoring.serviceMonitor.interval': '7s',
    'workers.hubEndpoint': 'https://other.example.com',
    'network.proxy.http': 'http://other:1',
    'network.proxy.https': 'http://other:1',
  };
  if (path in choices) return choices[path];
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return 'other';
  if (path.endsWith('resources')) return { limits: { cpu: 3 } };
  if (!Array.isArray(value)) return { other: 'other' };
  return /tolerations|egress|controllerFrom/.test(path) ? [{ key: 'other' }] : ['other'];
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);
const nested = (path: string, value: unknown): Record<string, unknown> =>
  path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
const merged = (one: unknown, two: unknown): object =>
  isMap(one) && isMap(two)
    ? Object.fromEntries(
        [...new Set([...Object.keys(one), ...Object.keys(two)])].map((key) => [key, merged(one[key], two[key])]),
      )
    : ((two ?? one) as object);

test('values that are misspelt, of the wrong type or out of bounds are refused by the schema', async () => {
  const refused = async (...flags: string[]) => {
    const { code, stderr } = await attempt(helm, ['template', 'x', chart, ...flags]);
    assert.notEqual(code, 0, flags.join(' '));
    return stderr;
  };
  assert.match(await refused('--set', 'controler.replicas=2'), /controler/);
  assert.match(await refused('--set', 'controller.replicas=0'), /replicas/);
  assert.match(await refused('--set', 'controller.logLevel=loud'), /logLevel/);
  assert.match(await refused('--set-string', 'query.port=x'), /port/);
  assert.match(await refused('--set', 'controller.serviceAccount.create=false'), /serviceAccount.name is needed/);
});

test('namespaced mode gives rights over jobs in the named namespaces alone', async () => {
  const objects = objectsOf(await template(valueSets.namespaced!));
  const cluster = objects.filter(({ kind }) => kind === 'ClusterRole').map(({ metadata }) => metadata.name);
  assert.deepEqual(cluster, ['espalier-espalier-reviews']);
  const roles = objects
    .filter(({ kind }) => kind === 'Role')
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  assert.deepEqual(roles.sort(), ['espalier/espalier', 'team-a/espalier-jobs', 'team-b/espalier-jobs']);
  const policy = objects.find(({ kind }) => kind === 'ValidatingAdmissionPolicy')!;
  const { matchConstraints } = policy.spec as { matchConstraints: { namespaceSelector: unknown } };
  assert.deepEqual(matchConstraints.namespaceSelector, {
    matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['team-a', 'team-b'] }],
  });
});

test('pods run as the restricted profile wants, and the CRD is kept', async () => {
  const objects = objectsOf(await template({}));
  const { spec } = (named(objects, 'Deployment', 'espalier').spec as { template: { spec: Record<string, unknown> } })
    .template;
  const pods = [spec, named(objects, 'Pod', 'espalier-test').spec as Record<string, unknown>];
  for (const pod of pods) {
    const { runAsNonRoot, seccompProfile } = pod.securityContext as Record<string, unknown>;
    assert.deepEqual(
      { runAsNonRoot, seccompProfile },
      { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    );
    for (const { securityContext } of pod.containers as { securityContext: unknown }[])
      assert.deepEqual(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  }
  const crd = named(objects, 'CustomResourceDefinition', 'finetunejobs.espalier.dev');
  const { annotations } = crd.metadata as { annotations?: object };
  assert.deepEqual(annotations, { 'helm.sh/resource-policy': 'keep' });
});

test('trap 13: the controller has a disruption budget only where others stand by for it', async () => {
  const budgets = async (values: object) =>
    objectsOf(await template(values)).filter(({ kind }) => kind === 'PodDisruptionBudget');
  assert.deepEqual(await budgets({}), []);
  const [budget] = await budgets(valueSets['high availability']!);
  const { minAvailable, unhealthyPodEvictionPolicy } = budget!.spec as Record<string, unknown>;
  assert.deepEqual([minAvailable, unhealthyPodEvictionPolicy], [1, 'AlwaysAllow']);
});
