import { cos, pi } from './math.js';

export interface Schedule {
  readonly type: 'linear' | 'cosine' | 'constant';
  readonly warmupSteps: number;
}

/** The learning rate of every step, float64. With a warm-up the first step's is 0, as in transformers. */
export const learningRates = (highest: number, { type, warmupSteps }: Schedule, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => {
    const share = step < warmupSteps ? step / warmupSteps : decays[type](step - warmupSteps, steps - warmupSteps);
    return highest * share;
  });

/**
 * Share of the highest rate once the warm-up is over: `done` of `all` remaining steps, all >= 1. The formulas and the order
 * of operations of transformers' get_linear_, get_cosine_ and get_constant_schedule_with_warmup.
 */
const decays: Record<Schedule['type'], (done: number, all: number) => number> = {
  linear: (done, all) => (all - done) / all,
  cosine: (done, all) => 0.5 * (1 + cos(pi * (done / all))),
  constant: () => 1,
};
