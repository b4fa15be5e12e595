import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { apiVersion, kind } from '../fineTuneJob.js';
import { jobSchema, withDefaults } from '../jsonSchema.js';
import { checkJob } from '../parse/parseJob.js';
import { crd, crdTemplate } from './crd.js';

type Node = Readonly<Record<string, unknown>>;
const at = (node: unknown, ...path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((found, part) => (found as Record<string | number, unknown> | undefined)?.[part], node);
const openApi = at(crd(), 'spec', 'versions', 0, 'schema', 'openAPIV3Schema');

/** Every schema node below (and with) this one, with its path. */
function nodes(node: Node, path: string): { path: string; node: Node }[] {
  const below = Object.entries((node.properties ?? {}) as Record<string, Node>).flatMap(([name, child]) =>
    nodes(child, `${path}.${name}`),
  );
  const items = node.items ? nodes(node.items as Node, `${path}[]`) : [];
  const extra = node.additionalProperties ? nodes(node.additionalProperties as Node, `${path}{}`) : [];
  return [{ path, node }, ...below, ...items, ...extra];
}
const all = ['spec', 'status'].flatMap((part) => nodes(at(openApi, 'properties', part) as Node, part));

test('every node has one type, or is preserved as it is', () => {
  const untyped = all.filter(({ node }) => !node.type && node['x-kubernetes-preserve-unknown-fields'] !== true);
  assert.deepEqual(untyped, []);
});

test('every string, list and map is bounded, else the API server refuses the rules over them', () => {
  const unbounded = all.filter(({ node }) => {
    if (node.type === 'string') return !node.maxLength && !node.enum && node.format !== 'date-time';
    if (node.type === 'array') return !node.maxItems;
    return node.type === 'object' && !node.properties && !node.maxProperties;
  });
  assert.deepEqual(unbounded, []);
});

test('every field says what it is for', () => {
  const silent = all.filter(({ path, node }) => !node.description && !path.endsWith('{}'));
  assert.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test('suspend, lifecycle times and replicas may change; every other field is fixed', () => {
  const rules = (node: unknown) => (at(node, 'x-kubernetes-validations') as { rule: string }[]).map(({ rule }) => rule);
  const fixed = (node: unknown) =>
    rules(node).flatMap((rule) => /^has\(self\.(\w+)\) == has\(oldSelf\.\1\) && /.exec(rule)?.[1] ?? []);
  const spec = at(openApi, 'properties', 'spec');
  const workers = at(spec, 'properties', 'workers');
  const free = (node: unknown) =>
    Object.keys(at(node, 'properties') as Node).filter((name) => !fixed(node).includes(name));
  assert.deepEqual(free(spec), ['suspend', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished', 'workers']);
  assert.deepEqual(free(workers), ['replicas', 'minReplicas', 'maxReplicas']);
  assert.deepEqual(rules(at(spec, 'properties', 'method')), ['[has(self.lora)].filter(x, x).size() == 1']);
});

test("columns, scale and names are the ecosystem's", () => {
  const version = at(crd(), 'spec', 'versions', 0);
  const columns = at(version, 'additionalPrinterColumns') as { name: string; priority?: number }[];
  const named = (wide: boolean) => columns.filter(({ priority }) => (priority === 1) === wide).map(({ name }) => name);
  assert.deepEqual(named(false), ['State', 'Progress', 'Loss', 'Eval', 'ETA', 'Workers', 'Age']);
  assert.deepEqual(named(true), ['Model', 'Method', 'Queue', 'Restarts', 'Tok/s', 'Best', 'Cost', 'Reason']);
  assert.deepEqual(at(version, 'subresources'), {
    status: {},
    scale: {
      specReplicasPath: '.spec.workers.replicas',
      statusReplicasPath: '.status.workers.replicas',
      labelSelectorPath: '.status.workers.selector',
    },
  });
  assert.deepEqual(at(crd(), 'spec', 'names', 'shortNames'), ['ftj']);
});

test('every path of a column and of scale exists in the schema', () => {
  const version = at(crd(), 'spec', 'versions', 0);
  const columns = (at(version, 'additionalPrinterColumns') as { jsonPath: string }[]).map(({ jsonPath }) => jsonPath);
  const paths = [...columns, ...Object.values(at(version, 'subresources', 'scale') as Record<string, string>)];
  const known = all.map(({ path }) => `.${path}`);
  assert.deepEqual(
    paths.filter((path) => !known.includes(path) && path !== '.metadata.creationTimestamp'),
    [],
  );
});

test("the API server's defaults give the same job as ours", () => {
  const written = {
    apiVersion,
    kind,
    metadata: { name: 'workplace' },
    spec: {
      base: { source: './model' },
      data: { train: [{ source: 'train.jsonl' }] },
      method: { lora: {} },
      training: { epochs: 3 },
      workers: { gpu: {}, device: 'cuda', volumes: [{ name: 'cache', claimName: 'cache', mountPath: '/cache' }] },
      output: { destination: 'out' },
    },
  };
  assert.deepEqual(withDefaults(jobSchema(), written), checkJob(written, { file: 'job' }));
});

test('the template is the CRD inside two switches: install, and keep', () => {
  const lines = crdTemplate().split('\n');
  const switches = lines.filter((line) => line.includes('{{'));
  assert.deepEqual(switches, [
    '{{- /* Generated by `npm run generate` from api/. Do not edit. */ -}}',
    '{{- if .Values.crds.install }}',
    '  {{- if .Values.crds.keep }}',
    '  {{- end }}',
    '{{- end }}',
  ]);
  const rendered = parse(lines.filter((line) => !line.includes('{{')).join('\n')) as {
    metadata: { annotations: Node };
  };
  assert.deepEqual(rendered.metadata.annotations, { 'helm.sh/resource-policy': 'keep' });
  const { annotations, ...metadata } = rendered.metadata;
  assert.deepEqual({ ...rendered, metadata }, JSON.parse(JSON.stringify(crd())));
});
