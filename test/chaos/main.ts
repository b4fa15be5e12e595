import { parseArgs } from 'node:util';
import { campaign } from './campaign.js';
import type { RunRecord } from './trainOnce.js';

// `npm run chaos -- --faults N --seed S [--json]`: a tiny job on real worker processes, with faults of every kind.
const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const say = (line: string) => process.stdout.write(`${line}\n`);
const told = (record: RunRecord) => {
  if (values.json) {
    say(JSON.stringify({ event: 'run', ...record }));
    return;
  }
  say(`${record.name}: ${record.ended} in ${record.seconds.toFixed(1)} s, sha256 ${record.sha256?.slice(0, 12)}`);
  for (const { what, nextCommitMs, redoneSteps } of record.faults)
    say(`  ${what}: next commit after ${nextCommitMs?.toFixed(0) ?? '?'} ms, ${redoneSteps} steps redone`);
};

const result = await campaign({ seed: Number(values.seed), faults: Number(values.faults), onRun: told });
const good = result.sameSha256 && result.redoneStepsMax <= 1 && result.redoneStepsMaxAfterRestart <= result.everySteps;
if (values.json) say(JSON.stringify({ event: 'result', ...result }));
else {
  say(`\n${result.faults} faults in ${result.runs} runs, ${result.seconds.toFixed(0)} s, seed ${values.seed}`);
  for (const [kind, { faults, medianNextCommitMs, maxNextCommitMs, redoneStepsMax }] of Object.entries(result.kinds))
    say(
      `${kind.padEnd(17)} ${String(faults).padStart(4)} faults, next commit ${medianNextCommitMs} ms (at most ${maxNextCommitMs}), redone <= ${redoneStepsMax}`,
    );
  say(`every adapter has one SHA-256: ${result.sameSha256 ? 'yes' : 'NO'} (${result.sha256})`);
  say(`redone where a worker lived: at most ${result.redoneStepsMax} steps`);
  say(
    `all killed ${result.checkpointRestarts} times: at most ${result.redoneStepsMaxAfterRestart} steps redone, checkpoints every ${result.everySteps}`,
  );
  for (const failed of [...result.failedRuns, ...result.notRun]) say(failed);
  say(good ? 'passed' : 'FAILED');
}
process.exitCode = good ? 0 : 1;
