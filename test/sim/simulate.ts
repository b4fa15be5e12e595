import { World } from '../support/world.js';
import { failuresOf, type Scenario, seeded } from './scenario.js';

/** All of it follows from the scenario: equal scenarios give equal results. */
export interface Simulated {
  readonly seconds: number;
  /** Time that the committed steps need without faults and exchange, of the time they took. */
  readonly goodput: number;
  readonly stepSecondsMedian: number;
  /** Of steps in which nobody failed; of all where there is none. */
  readonly undisturbedStepSeconds: number;
  readonly failuresAtSeconds: readonly number[];
  /** From a failure to the next commit anywhere, less an undisturbed step: below zero where it came earlier than one. */
  readonly addedSecondsMedian: number | null;
  readonly addedSecondsMax: number | null;
  readonly bytesSentPerWorkerAndStep: number;
  /** Of a worker that owns shards: the most that any worker sent. */
  readonly bytesSentByBusiestPerStep: number;
  /** Leaves computed for nothing, of all. */
  readonly redoneShare: number;
  /** Most steps that were computed again after a failure: those committed anywhere stay. */
  readonly redoneStepsMax: number;
  readonly statusesPerWorkerAndStep: number;
  /** Times that somebody heard nothing new for so long that it went on without the others. */
  readonly stalls: number;
  readonly problems: readonly string[];
}

const mostMs = 24 * 3_600_000;

export function simulate(scenario: Scenario): Simulated {
  const { workers, steps, leavesPerWorker, leafMs } = scenario;
  const { world, failuresAtMs } = worldOf(scenario);
  world.run(mostMs);

  const commits = commitsOf(world);
  const lastedMs = commits.at(-1) ?? 0;
  const gaps = commits.map((atMs, step) => atMs - (step === 0 ? 0 : commits[step - 1]!));
  const failures = failuresAtMs.filter((atMs) => atMs < lastedMs);
  const isCalm = (_: number, step: number) =>
    !failures.some((atMs) => atMs < commits[step]! && atMs >= (step === 0 ? 0 : commits[step - 1]!));
  const calm = gaps.filter(isCalm);
  const calmMs = median(calm.length > 0 ? calm : gaps) ?? 0;
  const added = failures.map((atMs) => commits.find((commit) => commit > atMs)! - atMs - calmMs);
  const all = [...world.workers.values()];
  const computed = all.reduce((sum, worker) => sum + worker.computed, 0);
  const perStep = (count: number) => count / commits.length;
  const inSeconds = (ms: number | undefined) => (ms === undefined ? null : ms / 1000);
  return {
    seconds: lastedMs / 1000,
    goodput: (commits.length * leavesPerWorker * leafMs) / lastedMs,
    stepSecondsMedian: (median(gaps) ?? 0) / 1000,
    undisturbedStepSeconds: calmMs / 1000,
    failuresAtSeconds: failures.map((atMs) => atMs / 1000),
    addedSecondsMedian: inSeconds(median(added)),
    addedSecondsMax: inSeconds(added.length === 0 ? undefined : Math.max(...added)),
    bytesSentPerWorkerAndStep: perStep(all.reduce((sum, { bytesSent }) => sum + bytesSent, 0) / workers),
    bytesSentByBusiestPerStep: perStep(Math.max(...all.map(({ bytesSent }) => bytesSent))),
    redoneShare: computed / (workers * leavesPerWorker * commits.length) - 1,
    redoneStepsMax: redoneSteps(world, commits, failures),
    statusesPerWorkerAndStep: perStep(world.statuses / workers),
    stalls: world.stalls,
    problems: commits.length < steps ? [...world.problems, `${commits.length} of ${steps} steps`] : world.problems,
  };
}

function worldOf(scenario: Scenario): { world: World; failuresAtMs: number[] } {
  const { workers, steps, leavesPerWorker, leafMs, shards, adapterBytes, applyMs, statusMs } = scenario;
  const leaves = Array.from({ length: workers * leavesPerWorker }, (_, index) => ({ index, cost: 512 }));
  const world = new World({
    ...{ workers, steps, shards, leafMs, applyMs, statusMs, shardLength: 1, leavesOf: () => leaves },
    random: seeded(scenario.seed),
    latencyMs: scenario.latencyMs,
    quantumMs: scenario.quantumMs,
    wire: {
      pieceBytes: adapterBytes / shards,
      stateBytes: 3 * adapterBytes,
      bytesPerMs: scenario.bytesPerMs,
    },
    timing: { heartbeatMs: scenario.heartbeatMs, suspectMs: scenario.suspectMs },
    skew: { offsetMs: scenario.clockOffsetMs, drift: scenario.clockDrift },
  });
  world.lossRate = scenario.loss;
  world.jitterMs = scenario.jitterMs;
  const failuresAtMs: number[] = [];
  const failures = failuresOf(scenario);
  const failNext = () => {
    const { atMs, who } = failures.next().value;
    world.after(atMs - world.nowMs, () => {
      const alive = [...world.workers.values()].filter(({ life }) => life === 'running');
      const victim = alive[Math.floor(who * alive.length)];
      // The last one that holds the state does not fail here: that case is the checkpoint's.
      if (victim !== undefined && alive.length > 1) {
        failuresAtMs.push(world.nowMs);
        world.crash(victim.id);
        world.after(scenario.replaceMs, () => {
          if (commitsOf(world).length < steps) world.join();
        });
      }
      failNext();
    });
  };
  failNext();
  return { world, failuresAtMs };
}

/** When each step was committed first, anywhere. */
function commitsOf(world: World): number[] {
  const commits: number[] = [];
  for (const { stepAtMs } of world.workers.values())
    stepAtMs.forEach((atMs, step) => {
      commits[step] = Math.min(commits[step] ?? Number.POSITIVE_INFINITY, atMs);
    });
  return commits;
}

/** After each failure: steps that were committed somewhere before it and whose state nobody alive held any more. */
function redoneSteps(world: World, commits: readonly number[], failures: readonly number[]): number {
  const all = [...world.workers.values()];
  return failures.reduce((most, atMs) => {
    const committed = commits.filter((commit) => commit < atMs).length;
    const living = all.filter(({ diedAtMs }) => diedAtMs === undefined || diedAtMs > atMs);
    const held = living.reduce((high, { stepAtMs }) => {
      const own = stepAtMs.reduce((top, commit, step) => (commit < atMs ? Math.max(top, step + 1) : top), 0);
      return Math.max(high, own);
    }, 0);
    return Math.max(most, committed - held);
  }, 0);
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
