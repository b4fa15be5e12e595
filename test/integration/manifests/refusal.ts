import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EspalierError } from '../../../api/errors.js';
import { checkJob } from '../../../api/parse/parseJob.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { nothingLive } from '../../../controller/cluster/cluster.js';
import type { FineTuneJobObject } from '../../../controller/cluster/kube/objects.js';
import { decide } from '../../../controller/reconcile/decide.js';
import { policies } from '../../../controller/reconcile/policies/index.js';
import { worldOf } from '../../../controller/reconcile/read.js';
import { mountedSecrets } from '../../../worker/pod/mounts.js';
import { failureVerdict } from '../../../worker/pod/verdict.js';
import { preflight } from '../../../worker/preflight/preflight.js';
import type { Kubectl } from '../../support/aKubectl.js';
import { someSettings } from '../../support/aWorld.js';
import { writeTinyBase } from '../../support/tinyBase.js';

/** Who says no on the way of a manifest through a cluster, in that order; `rule` is CEL. */
export type Layer = 'client' | 'server' | 'strict' | 'schema' | 'rule' | 'controller' | 'preflight';

export interface Claim extends AsyncDisposable {
  /** Where what pods see as /data lies on this machine. */
  readonly folder: string;
}

/** What is on the claim that the rows of the table mount at /data: a tiny base, and data of several kinds of wrong. */
export async function aClaim(): Promise<Claim> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-claim-'));
  const rows = (row: (index: number) => object | string, count = 24) =>
    Array.from({ length: count }, (_, i) => row(i))
      .map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`)
      .join('');
  const files: Readonly<Record<string, string | Buffer>> = {
    'train.jsonl': rows((i) => ({ text: `the ${i}th row has a few words of its own` })),
    'empty.jsonl': '',
    'latin1.jsonl': Buffer.from('{"text":"caf\xe9"}\n', 'latin1'),
    'unanswered.jsonl': rows(() => ({ messages: [{ role: 'user', content: 'nobody answers' }] })),
    'mixed.jsonl': rows((i) => (i % 2 ? { text: 'a text' } : { prompt: 'a', completion: 'b' })),
    'other.jsonl': rows(() => ({ question: 'a', answer: 'b' })),
    'words.jsonl': rows((i) => `row ${i}`),
    'a-file': 'no folder',
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  await writeTinyBase(join(folder, 'model'));
  await writeTinyBase(join(folder, 'mamba'));
  await writeFile(
    join(folder, 'mamba', 'config.json'),
    JSON.stringify({ architectures: ['MambaForCausalLM'], model_type: 'mamba', vocab_size: 2503 }),
  );
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** What kubectl, the API server, the controller and the preflight say of a manifest: `LAYER: message` lines, or `accepted`. */
export async function refusalOf(manifest: string, kubectl: Kubectl, claim: Claim): Promise<string> {
  const { code, stdout, stderr } = await kubectl(['apply', '--dry-run=server', '-o', 'json', '-f', '-'], {
    input: manifest,
  });
  if (code !== 0) return serverWords(stderr);
  const object = JSON.parse(stdout) as FineTuneJobObject;
  const decision = decide(policies, worldOf(observedOf(object), nothingLive, someSettings, 0));
  if (decision.kind === 'fail') return `controller: ${decision.reason}: ${decision.message}`;
  return preflightWords(object, claim);
}

const observedOf = (job: FineTuneJobObject) => ({
  job,
  configMaps: [],
  pods: [],
  jobs: [],
  disruptionBudget: undefined,
  networkPolicy: undefined,
  trust: undefined,
  warnings: [],
  admission: undefined,
});

/** kubectl's words without what it repeats of the command, one line for each cause. */
function serverWords(stderr: string): string {
  const text = stderr.trim().replaceAll('STDIN', 'job.yaml');
  const causes = /^The FineTuneJob "[^"]*" is invalid: ?([\s\S]*)$/.exec(text)?.[1];
  if (causes !== undefined)
    return (
      causes
        .split('\n')
        .map((line) => line.replace(/^\* /, '').trim())
        .filter((line) => line !== '' && !line.includes('some validation rules were not checked'))
        .map((line) => `${layerOf(line)}: ${line}`)
        // The API server walks maps, so their order is none.
        .sort()
        .join('\n')
    );
  const strict = /strict decoding error: (.*)$/.exec(text)?.[1];
  if (strict !== undefined) return `strict: ${strict}`;
  return `${/^Error from server/.test(text) ? 'server' : 'client'}: ${text.replaceAll('\n', ' ')}`;
}

/** The schema speaks in the API machinery's fixed words; whatever else there is comes from our rules. */
const schemaWords =
  / in body |: Required value|: Unsupported value|: Too (many|long|short)|: Duplicate value|must be of type/;
const layerOf = (cause: string): Layer =>
  schemaWords.test(cause) ? 'schema' : /regex used for validation/.test(cause) ? 'server' : 'rule';

/** Runs the preflight as its pod does, with the claim where the job mounts it. */
async function preflightWords(object: FineTuneJobObject, { folder }: Claim): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'espalier-preflight-'));
  try {
    const here = JSON.parse(JSON.stringify(object.spec).replaceAll('"/data', `"${folder}`)) as object;
    const job = checkJob({ ...object, metadata: { name: object.metadata?.name }, spec: here }, { file: 'the job' });
    const within = (name: string) => join(work, name);
    const paths = {
      job: within('job.json'),
      recipe: within('recipe.json'),
      secrets: within('secrets'),
      cache: within('cache'),
      work: within('work'),
      lastWords: within('words'),
    };
    await mkdir(join(paths.secrets, 'empty'), { recursive: true });
    await mkdir(paths.work);
    const deps = {
      paths: paths as Parameters<typeof preflight>[1]['paths'],
      secretOf: mountedSecrets(paths as Parameters<typeof mountedSecrets>[0]),
      env: {},
      clock: systemClock,
      log: silentLogger,
      signal: new AbortController().signal,
    };
    const verdict = await preflight(job, deps).catch((error: unknown) => {
      if (error instanceof EspalierError) return failureVerdict(error);
      throw error;
    });
    if (verdict.outcome !== 'failed') return 'accepted';
    const said = `preflight: ${verdict.name}: ${verdict.message}; ${verdict.remedy}`;
    return said
      .replaceAll(folder, '/data')
      .replaceAll(work, '/var/lib/espalier')
      .replace(/-probe-[0-9a-f]+/, '-probe');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
