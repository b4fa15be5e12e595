import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../common/root.js';

/** A file and the name of a test in it. */
type Held = readonly [file: string, name: string];

const builder = 'controller/resources/workerJob.test.ts';
const policies = 'controller/reconcile/policies/policies.test.ts';
const real = 'controller/workerJob.integration.test.ts';
const kueue = 'controller/kueue.integration.test.ts';
const chart = 'test/chart/chart.integration.test.ts';
const kubectl = 'test/integration/kubectl/kubectl.integration.test.ts';
const manifests = 'api/parse/testdata/manifests.txt';

/**
 * The traps of an Indexed Job as a source of pods, and of a resource of one's own (docs/adr/0001), each with the tests that
 * hold its rule.
 */
const traps: readonly { readonly rule: string; readonly held: readonly Held[] }[] = [
  {
    rule: '1: exit 0 only after the final manifest was read back; who leaves early exits 75',
    held: [
      ['test/integration/pods/pods.integration.test.ts', 'publish the adapter; a late worker finds it done'],
      [policies, 'a worker has ended with 0'],
      [policies, 'leaving, evictions and deletions are no deaths'],
    ],
  },
  {
    rule: '2: the back-off limit per index is never reached: the retry budget is ours',
    held: [
      [builder, 'traps 2, 3, 5, 10, 11'],
      [real, 'traps 2 and 3'],
      [policies, 'the fifth is the end'],
    ],
  },
  {
    rule: '3: no podFailurePolicy; the controller reads exit codes',
    held: [
      [builder, 'traps 2, 3, 5, 10, 11'],
      [real, 'traps 2 and 3'],
      ['controller/interruptions.integration.test.ts', 'a worker that ends with bad input ends the job at once'],
    ],
  },
  { rule: '4: a silent node is left after 30 s; restartPolicy Never', held: [[builder, 'trap 4']] },
  {
    rule: '5: both numbers in one patch at the version that was read; leavers leave the view first',
    held: [
      [builder, 'traps 2, 3, 5, 10, 11'],
      [kueue, 'traps 5, 6, 7'],
      ['controller/controller.integration.test.ts', 'scaling changes both numbers at once'],
    ],
  },
  {
    rule: '6: the Job is made once; the template is never written again, its drift is told',
    held: [
      [builder, 'traps 6, 7, 8'],
      [kueue, 'traps 5, 6, 7'],
    ],
  },
  {
    rule: '7: the elastic annotation is there from the beginning',
    held: [
      [builder, 'traps 6, 7, 8'],
      [kueue, 'traps 5, 6, 7'],
    ],
  },
  {
    rule: '8: with a queue suspend is set at creation only; a suspend of the user deletes the Job',
    held: [
      [builder, 'traps 6, 7, 8'],
      [kueue, 'trap 8'],
    ],
  },
  { rule: '9: QueueNotFound after 30 s without a Workload, else its message', held: [[kueue, 'trap 9']] },
  {
    rule: '10: one success ends the Job; its verdict is never read',
    held: [
      [real, 'trap 10'],
      [policies, 'a Job that says Complete proves nothing'],
    ],
  },
  {
    rule: '11: no deadline, no time to live and no manager on the Job; a foreign manager is told',
    held: [
      [builder, 'traps 2, 3, 5, 10, 11'],
      [policies, 'another controller manages the Job'],
    ],
  },
  {
    rule: '12: names stay DNS labels',
    held: [
      [builder, 'trap 12'],
      [manifests, 'a name of 60 characters'],
      [manifests, 'a name with dots'],
    ],
  },
  {
    rule: '13: disruption budgets of workers as an integer, of the controller only with standbys',
    held: [
      [builder, 'trap 13'],
      [chart, 'trap 13'],
    ],
  },
  {
    rule: '14: time to leave, a handler before anything that takes long, no shell, no mesh, no token of the API server',
    held: [
      [builder, 'trap 14'],
      ['test/contracts/traps.test.ts', 'trap 14: a worker listens'],
    ],
  },
  {
    rule: '15: restricted pod security; the cache is a claim or an emptyDir, filled once under a lock',
    held: [
      [builder, 'trap 15'],
      ['worker/model/resolve.integration.test.ts', 'is filled by one of several that start together'],
      ['worker/model/resolve.test.ts', 'is made again when a file of it is damaged, cut or gone'],
    ],
  },
  {
    rule: '16: reviews are of the cluster, also in namespaced mode',
    held: [[chart, 'namespaced mode gives rights over jobs in the named namespaces alone']],
  },
  {
    rule: '17: unknown fields are refused by strict field validation; patterns are RE2',
    held: [
      [kubectl, 'trap 17'],
      [manifests, 'an unknown field with a near name'],
    ],
  },
];

for (const { rule, held } of traps)
  test(`trap ${rule}`, () => {
    for (const [file, name] of held) {
      const path = join(packageRoot(), file);
      assert.ok(existsSync(path), `${file} is gone`);
      assert.ok(readFileSync(path, 'utf8').includes(name), `${file} has no test "${name}"`);
    }
  });

test('every trap has its row, in order', () => {
  assert.deepEqual(
    traps.map(({ rule }) => Number.parseInt(rule, 10)),
    Array.from({ length: 17 }, (_, i) => i + 1),
  );
});

test('trap 14: a worker listens for SIGTERM before it loads runtime, protocol and model', () => {
  const code = readFileSync(join(packageRoot(), 'worker/pod/main.ts'), 'utf8');
  const loaded = [...code.matchAll(/^import .* from '(\.[^']+)'/gm)].map(([, path]) => path);
  const light = /^\.\.\/\.\.\/(common\/|api\/errors)|^\.\/(mounts|verdict)\.js$/;
  assert.deepEqual(
    loaded.filter((path) => !light.test(path!)),
    [],
  );
  const first = code.indexOf('await import(');
  assert.ok(first > code.indexOf("process.on('SIGTERM'"), 'the handler comes first');
});
