import { type CampaignResult, isGood } from './campaign.js';
import { nameOf } from './place.js';
import type { RunRecord } from './trainOnce.js';

/** What a run brought, line by line. */
export function linesOfRun(record: RunRecord): readonly string[] {
  const { name, ended, seconds, sha256, storage, workers, launches, faults, missed, amiss } = record;
  const again = launches > 1 ? `, started ${launches} times` : '';
  return [
    `${name}: ${ended} in ${seconds.toFixed(1)} s, sha256 ${sha256?.slice(0, 12)}, ${workers} workers, ${storage}${again}`,
    ...faults.map((fault) => {
      const { what, nextCommitMs, redoneSteps, highestBefore } = fault;
      const next = `next commit after ${nextCommitMs?.toFixed(0) ?? '?'} ms`;
      return `  ${nameOf(fault)}: ${what}; at step ${highestBefore}, ${next}, ${redoneSteps} redone`;
    }),
    ...(missed.length > 0 ? [`  nothing to hit: ${missed.map(nameOf).join('; ')}`] : []),
    ...amiss.map((what) => `  amiss: ${what}`),
  ];
}

export function linesOfResult(result: CampaignResult, seed: number): readonly string[] {
  const { faults, runs, seconds, cases, sameSha256, sha256, missed, unmet, leftOut } = result;
  return [
    '',
    `${faults} faults in ${runs} runs, ${seconds.toFixed(0)} s, seed ${seed}`,
    ...Object.entries(cases).map(([name, { faults: count, medianNextCommitMs, maxNextCommitMs, redoneStepsMax }]) => {
      const next = `next commit ${medianNextCommitMs} ms (at most ${maxNextCommitMs})`;
      return `${String(count).padStart(4)}  ${name.padEnd(66)} ${next}, redone <= ${redoneStepsMax}`;
    }),
    `every adapter has one SHA-256: ${sameSha256 ? 'yes' : 'NO'} (${sha256})`,
    `redone where a worker lived: at most ${result.redoneStepsMax} steps`,
    `all gone ${result.checkpointRestarts} times: at most ${result.redoneStepsMaxAfterRestart} steps redone, checkpoints every ${result.everySteps}`,
    ...(missed > 0 ? [`${missed} planned faults found nothing to hit and do not count`] : []),
    ...(unmet.length > 0 ? [`never met: ${unmet.join('; ')}`] : []),
    ...leftOut.map((what) => `left out: ${what}`),
    ...result.failedRuns,
    isGood(result) ? 'passed' : 'FAILED',
  ];
}
