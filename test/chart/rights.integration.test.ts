import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { packageRoot } from '../../common/root.js';
import { run, until } from '../cluster/command.js';
import { pathsFor } from '../cluster/paths.js';
import { ensureClients } from '../cluster/tools.js';
import { ControlPlane } from '../support/aControlPlane.js';

// Rights as a real API server grants them: what `helm template` renders is applied, then every account is asked what it may do.

const chart = join(packageRoot(), 'charts/espalier');
const table = join(packageRoot(), 'test/chart/rights.txt');
const rightsKinds: readonly string[] = ['ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];

let plane: ControlPlane;
let folder: string;
let helm: string;
let kubectl: (args: readonly string[], input?: string) => Promise<string>;
before(async () => {
  plane = await ControlPlane.start();
  const clients = await ensureClients(pathsFor(process.env).tools, () => {});
  folder = await mkdtemp(join(tmpdir(), 'espalier-rights-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, plane.config.exportConfig());
  helm = clients.helm;
  kubectl = (args, input) =>
    run(clients.kubectl, ['--kubeconfig', kubeconfig, ...args], input === undefined ? {} : { input });
});
after(async () => {
  await plane[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Applies what the chart says about rights, and nothing else. */
async function install(release: string, values: object): Promise<void> {
  const file = join(folder, `${release}.json`);
  await writeFile(file, JSON.stringify(values));
  const words = ['template', 'espalier', chart, '--namespace', release, '--kube-version', '1.37.2', '--values', file];
  const objects = parseAllDocuments(await run(helm, words))
    .map((document) => document.toJS() as { readonly kind: string } | null)
    .filter((object) => object !== null && rightsKinds.includes(object.kind));
  await kubectl(
    ['apply', '--server-side', '--filename', '-'],
    objects.map((object) => stringify(object)).join('---\n'),
  );
}

/** What an account may do in a namespace: one line per right, in the order of their text. */
async function rightsOf(account: string, namespace: string): Promise<readonly string[]> {
  const listed = await kubectl(['auth', 'can-i', '--list', '--as', account, '--namespace', namespace]);
  return listed
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/ {2,}/g, ' | '))
    .sort();
}

const accountOf = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`;

interface Question {
  readonly title: string;
  readonly account: string;
  readonly namespace: string;
  /** Only rights of this API group's resources; all that go beyond those of everybody when absent. */
  readonly group?: string;
}

async function section({ title, account, namespace, group }: Question, everybody: readonly string[]): Promise<string> {
  const all = (await rightsOf(account, namespace)).filter((right) => !everybody.includes(right));
  const shown =
    group === undefined
      ? all
      : all.filter((right) => right.split(' ')[0]!.endsWith(`.${group}`) || right.includes(`.${group}/`));
  const lines = shown.length === 0 ? ['nothing but what every account may'] : shown;
  return [`${title}: ${account} in ${namespace}`, ...lines.map((line) => `  ${line}`)].join('\n');
}

/** Roles that collect others follow by a controller of Kubernetes. */
async function aggregated(role: string): Promise<void> {
  await until(`FineTuneJobs are part of ${role}`, 120, async () =>
    (await kubectl(['get', 'clusterrole', role, '--output', 'json'])).includes('finetunejobs'),
  );
}

async function makeNamespaces(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await kubectl(['create', 'namespace', name]);
    await until(`the account of ${name}`, 120, () =>
      kubectl(['--namespace', name, 'get', 'serviceaccount', 'default']),
    );
  }
}

test('every account may do what test/chart/rights.txt says, and nothing else; UPDATE=1 writes it anew, then read the diff', async () => {
  const group = 'espalier.dev';
  await makeNamespaces('espalier', 'team', 'narrow', 'team-a', 'team-b');
  const everybody = await rightsOf(accountOf('team', 'nobody'), 'team');
  await install('espalier', { crds: { install: false } });
  await install('narrow', { crds: { install: false }, namespaces: ['team-a'], rbac: { aggregate: false } });
  for (const role of ['view', 'edit', 'admin']) {
    await aggregated(role);
    await kubectl(['--namespace', 'team', 'create', 'serviceaccount', role]);
    const words = ['--clusterrole', role, '--serviceaccount', `team:${role}`];
    await kubectl(['--namespace', 'team', 'create', 'rolebinding', role, ...words]);
  }
  const controller = accountOf('espalier', 'espalier');
  const narrow = accountOf('narrow', 'espalier');
  const person = (role: string): Question => ({
    title: `people with the role ${role}`,
    account: accountOf('team', role),
    namespace: 'team',
    group,
  });
  const questions: readonly Question[] = [
    { title: 'controller, its own namespace', account: controller, namespace: 'espalier' },
    { title: 'controller, a namespace with jobs', account: controller, namespace: 'team' },
    { title: 'workers and preflight', account: accountOf('team', 'default'), namespace: 'team' },
    person('view'),
    person('edit'),
    person('admin'),
    { title: 'controller of namespaces, its own', account: narrow, namespace: 'narrow' },
    { title: 'controller of namespaces, one of them', account: narrow, namespace: 'team-a' },
    { title: 'controller of namespaces, another one', account: narrow, namespace: 'team-b' },
    { title: 'workers and preflight of namespaces', account: accountOf('team-a', 'default'), namespace: 'team-a' },
  ];
  const sections: string[] = [['every account', ...everybody.map((line) => `  ${line}`)].join('\n')];
  for (const question of questions) sections.push(await section(question, everybody));
  const found = `${['resources | URLs | names | verbs, as kubectl auth can-i --list says', ...sections].join('\n\n')}\n`;
  if (process.env.UPDATE) await writeFile(table, found);
  else assert.equal(found, await readFile(table, 'utf8'));
});
