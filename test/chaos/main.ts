import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CampaignResult, campaign, isGood } from './campaign.js';
import { oneOfEachKind } from './oneOfEachKind.js';
import { plannedRuns } from './plan.js';
import type { RunRecord } from './trainOnce.js';

// `npm run chaos -- --faults N --seed S [--lanes L] [--json]`: a tiny job on real worker processes, with faults of every kind.
const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '2' },
    /** Eight faults, one of each kind, instead of many by chance. */
    'one-of-each': { type: 'boolean', default: false },
    /** Only this run of the plan, e.g. `run-7`. */
    only: { type: 'string' },
    /** Copies logs, views and settings of every run there. */
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
});
process.exitCode = values.inside ? await run() : startInside();

/** Small disks are mounted where nobody else sees them, and go with the process, however it ends. */
function startInside(): number {
  const argv = ['-rm', process.execPath, '--enable-source-maps', fileURLToPath(import.meta.url), '--inside'];
  const { status, error } = spawnSync('unshare', [...argv, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (error) process.stderr.write(`chaos needs unshare (util-linux) and user name spaces: ${error.message}\n`);
  return status ?? 3;
}

async function run(): Promise<number> {
  const plan = { faults: Number(values.faults), seed: Number(values.seed), steps: values['one-of-each'] ? 32 : 80 };
  const all = values['one-of-each'] ? oneOfEachKind(plan) : plannedRuns(plan);
  const runs = all.filter(({ name }) => values.only === undefined || name === values.only);
  const result = await campaign({
    runs,
    plan,
    lanes: Number(values.lanes),
    logs: values.logs,
    onRun: told,
  });
  if (values.json) say(JSON.stringify({ event: 'result', seed: plan.seed, ...result }));
  else report(result);
  return isGood(result) ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function told(record: RunRecord): void {
  if (values.json) {
    say(JSON.stringify({ event: 'run', ...record }));
    return;
  }
  const { name, ended, seconds, sha256, storage, workers } = record;
  say(`${name}: ${ended} in ${seconds.toFixed(1)} s, sha256 ${sha256?.slice(0, 12)}, ${workers} workers, ${storage}`);
  for (const { kind, name: fault, what, nextCommitMs, redoneSteps, highestBefore } of record.faults)
    say(
      `  ${kind}: ${fault}: ${what}; at step ${highestBefore}, next commit after ${nextCommitMs?.toFixed(0) ?? '?'} ms, ${redoneSteps} redone`,
    );
  if (record.missed.length > 0)
    say(`  nothing to hit: ${record.missed.map((fault) => `${fault.kind}: ${fault.name}`).join('; ')}`);
}

function report(result: CampaignResult): void {
  const { faults, runs, seconds, cases, sameSha256, sha256, missed, unmet } = result;
  say(`\n${faults} faults in ${runs} runs, ${seconds.toFixed(0)} s, seed ${values.seed}`);
  for (const [name, { faults: count, medianNextCommitMs, maxNextCommitMs, redoneStepsMax }] of Object.entries(cases))
    say(
      `${String(count).padStart(4)}  ${name.padEnd(66)} next commit ${medianNextCommitMs} ms (at most ${maxNextCommitMs}), redone <= ${redoneStepsMax}`,
    );
  say(`every adapter has one SHA-256: ${sameSha256 ? 'yes' : 'NO'} (${sha256})`);
  say(`redone where a worker lived: at most ${result.redoneStepsMax} steps`);
  say(
    `all gone ${result.checkpointRestarts} times: at most ${result.redoneStepsMaxAfterRestart} steps redone, checkpoints every ${result.everySteps}`,
  );
  if (missed > 0) say(`${missed} planned faults found nothing to hit and do not count`);
  if (unmet.length > 0) say(`never met: ${unmet.join('; ')}`);
  for (const failed of result.failedRuns) say(failed);
  say(isGood(result) ? 'passed' : 'FAILED');
}
