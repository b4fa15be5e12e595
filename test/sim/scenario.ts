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
  readonly applyMs: number;
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
  /** What a worker's one thread takes for a status that it hears. */
  readonly statusMs: number;
  /** Events are taken together so often: coarser where there are more workers. */
  readonly quantumMs: number;
  readonly heartbeatMs: number;
  /** Silence after which one is suspected: so many heartbeats that one lost status does not do it. */
  readonly suspectMs: number;
  /** Of the training that restarts everyone. */
  readonly checkpointEverySteps: number;
}

export const usual: Omit<
  Scenario,
  'workers' | 'mtbfMs' | 'steps' | 'seed' | 'quantumMs' | 'heartbeatMs' | 'suspectMs'
> = {
  leavesPerWorker: 4,
  leafMs: 4000,
  // AdamW over the adapter below, as measured in JavaScript.
  applyMs: 32,
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
  statusMs: 0.05,
  checkpointEverySteps: 1,
};

/** How finely so many workers can be simulated in minutes: the quantum delays every message by half of it on average. */
export function grainOf(workers: number): Pick<Scenario, 'quantumMs' | 'heartbeatMs' | 'suspectMs'> {
  if (workers <= 16) return { quantumMs: 50, heartbeatMs: 500, suspectMs: 3000 };
  if (workers <= 64) return { quantumMs: 100, heartbeatMs: 1000, suspectMs: 4000 };
  if (workers <= 256) return { quantumMs: 200, heartbeatMs: 1000, suspectMs: 4000 };
  return { quantumMs: 500, heartbeatMs: 2000, suspectMs: 8000 };
}

/** Fewer steps where there are more workers: they meet as many failures in less time. */
export const stepsFor = (workers: number): number =>
  workers <= 4 ? 60 : workers <= 16 ? 30 : workers <= 64 ? 20 : workers <= 256 ? 6 : workers <= 1000 ? 2 : 1;

export interface Failure {
  readonly atMs: number;
  /** Uniform in [0, 1): which of those that live. */
  readonly who: number;
}

/** When workers fail, without end: the same for every way to train. */
export function* failuresOf({ workers, mtbfMs, seed }: Scenario): Generator<Failure, never> {
  const random = seeded(seed + 0x5eed);
  for (let atMs = 0; ; ) {
    atMs += (-Math.log(1 - random()) * mtbfMs) / workers;
    yield { atMs, who: random() };
  }
}

/** Uniform in [0, 1): a linear congruential generator. */
export function seeded(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}
