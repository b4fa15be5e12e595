import { World } from '../support/world.js';

/** A training in simulated time, on the state machines that workers run. */
export interface Scenario {
  readonly workers: number;
  /** Mean time between failures of one worker. */
  readonly mtbfMs: number;
  readonly steps: number;
  readonly seed: number;
  /** Micro-batches of a step for each worker, and how long one takes. */
  readonly leavesPerWorker: number;
  readonly leafMs: number;
  /** From the failure of a worker until its replacement has started and opened the base. */
  readonly replaceMs: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Share of messages that are lost. */
  readonly loss: number;
  readonly bytesPerMs: number;
  readonly adapterBytes: number;
  readonly shards: number;
  readonly clockOffsetMs: number;
  readonly clockDrift: number;
  /** Of the training that restarts everyone. */
  readonly checkpointEverySteps: number;
}

export const usual: Omit<Scenario, 'workers' | 'mtbfMs' | 'steps' | 'seed'> = {
  leavesPerWorker: 4,
  leafMs: 4000,
  replaceMs: 30_000,
  latencyMs: 1,
  jitterMs: 4,
  loss: 0.001,
  // 10 Gbit/s.
  bytesPerMs: 1_250_000,
  // 4.9 million parameters: rank 16 on all linears of a 135M base.
  adapterBytes: 19_600_000,
  shards: 16,
  clockOffsetMs: 5000,
  clockDrift: 1e-4,
  checkpointEverySteps: 1,
};

export interface Simulated {
  readonly seconds: number;
  /** Time that the committed steps need without faults and exchange, of the time they took. */
  readonly goodput: number;
  readonly stepSecondsMedian: number;
  readonly failuresAtMs: readonly number[];
  /** From a failure to the next commit, less the median step. */
  readonly recoverySecondsMedian: number | null;
  readonly recoverySecondsMax: number | null;
  readonly bytesSentPerWorkerAndStep: number;
  /** Leaves computed for nothing, of all. */
  readonly redoneShare: number;
  /** Real time that the state machine of one worker took for one step, on this machine. */
  readonly protocolMsPerWorkerAndStep: number;
  readonly problems: readonly string[];
}

/** Taken together this often: small beside a leaf. */
const quantumMs = 200;
const mostMs = 24 * 3_600_000;

export function simulate(scenario: Scenario): Simulated {
  const { workers, mtbfMs, steps, leavesPerWorker, leafMs, shards, adapterBytes } = scenario;
  const random = seeded(scenario.seed);
  const leaves = Array.from({ length: workers * leavesPerWorker }, (_, index) => ({ index, cost: 512 }));
  const world = new World({
    workers,
    steps,
    shards,
    shardLength: 1,
    leavesOf: () => leaves,
    random,
    latencyMs: scenario.latencyMs,
    leafMs,
    quantumMs,
    wire: {
      pieceBytes: adapterBytes / shards,
      stateBytes: 3 * adapterBytes,
      bytesPerMs: scenario.bytesPerMs,
    },
    // Statuses of hundreds of workers are heard once a second; whatever changes work is told at once all the same.
    timing: { heartbeatMs: 1000 },
    skew: { offsetMs: scenario.clockOffsetMs, drift: scenario.clockDrift },
  });
  world.lossRate = scenario.loss;
  world.jitterMs = scenario.jitterMs;
  const failuresAtMs: number[] = [];
  const failLater = () => {
    world.after((-Math.log(1 - random()) * mtbfMs) / workers, () => {
      const alive = [...world.workers.values()].filter(({ life }) => life === 'running');
      const victim = alive[Math.floor(random() * alive.length)];
      // The last one that holds the state does not fail here: that case is the checkpoint's.
      if (victim !== undefined && alive.length > 1) {
        failuresAtMs.push(world.nowMs);
        world.crash(victim.id);
        world.after(scenario.replaceMs, () => {
          if (world.oracleUp && commitsOf(world).length < steps) world.join();
        });
      }
      failLater();
    });
  };
  failLater();
  const startedAtMs = performance.now();
  world.run(mostMs);
  const realMs = performance.now() - startedAtMs;

  const commits = commitsOf(world);
  const lasted = commits.at(-1) ?? 0;
  const gaps = commits.map((atMs, step) => atMs - (step === 0 ? 0 : commits[step - 1]!));
  const stepMs = median(gaps) ?? 0;
  const during = failuresAtMs.filter((atMs) => atMs < lasted);
  const recoveries = during.map((atMs) => Math.max(0, commits.find((commit) => commit > atMs)! - atMs - stepMs));
  const all = [...world.workers.values()];
  const computed = all.reduce((sum, worker) => sum + worker.computed, 0);
  const needed = leaves.length * commits.length;
  const recovery = median(recoveries);
  return {
    seconds: lasted / 1000,
    goodput: (commits.length * leavesPerWorker * leafMs) / lasted,
    stepSecondsMedian: stepMs / 1000,
    failuresAtMs: during,
    recoverySecondsMedian: recovery === undefined ? null : recovery / 1000,
    recoverySecondsMax: recoveries.length === 0 ? null : Math.max(...recoveries) / 1000,
    bytesSentPerWorkerAndStep: all.reduce((sum, { bytesSent }) => sum + bytesSent, 0) / workers / commits.length,
    redoneShare: computed / needed - 1,
    protocolMsPerWorkerAndStep: realMs / workers / commits.length,
    problems: commits.length < steps ? [...world.problems, `${commits.length} of ${steps} steps`] : world.problems,
  };
}

/** When each step was committed first, anywhere. */
function commitsOf(world: World): number[] {
  const commits: number[] = [];
  for (const { stepAtMs } of world.workers.values())
    for (const [step, atMs] of Object.entries(stepAtMs))
      commits[Number(step)] = Math.min(commits[Number(step)] ?? Number.POSITIVE_INFINITY, atMs);
  return commits;
}

/**
 * The usual way on the same failures: whoever fails stops all; when its replacement is there everybody starts again from the
 * last checkpoint. Noticing, a checkpoint after every step and loading it cost nothing here, in its favour.
 */
export function restartEveryone(
  { steps, leavesPerWorker, leafMs, replaceMs, checkpointEverySteps }: Scenario,
  failuresAtMs: readonly number[],
  stepMs: number,
): { readonly seconds: number; readonly goodput: number } {
  let nowMs = 0;
  let step = 0;
  const failures = [...failuresAtMs];
  while (step < steps) {
    const failsAtMs = failures[0] ?? Number.POSITIVE_INFINITY;
    if (failsAtMs >= nowMs + stepMs) {
      nowMs += stepMs;
      step++;
      continue;
    }
    failures.shift();
    nowMs = Math.max(nowMs, failsAtMs + replaceMs);
    step -= step % checkpointEverySteps;
  }
  return { seconds: nowMs / 1000, goodput: (steps * leavesPerWorker * leafMs) / nowMs };
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function seeded(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}
