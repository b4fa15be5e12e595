import { createHash } from 'node:crypto';
import { fail } from '../../api/errors.js';
import { canonicalJson } from '../../common/hash.js';
import type { Recipe } from '../recipe/recipe.js';
import { type AdamWStep, adamwShard } from './adamw.js';
import { slotOf, supervisedIn } from './leaves.js';
import { clipCoefficient, globalNorm, type Shard } from './norm.js';

/** Steps in a row whose gradients are not finite before a job fails. */
export const mostSkipsInARow = 5;

/** The numbers of a state beside its three vectors. */
export interface StateScalars {
  /** Steps applied (or skipped) so far; the index of the next one. */
  readonly step: number;
  /** Products beta^t over the steps that were not skipped. */
  readonly beta1Power: number;
  readonly beta2Power: number;
  /** Steps left out because their gradients or losses were not finite. */
  readonly skipped: number;
  readonly skippedInARow: number;
  /** Mean loss per supervised token of each step so far; null where it was not finite. */
  readonly losses: readonly (number | null)[];
  /** Held-out losses at the recipe's evaluation steps so far. */
  readonly evaluations: readonly Evaluation[];
}

/** Mean losses per supervised token before the optimizer step `step`; null where there is no such set or it is not finite. */
export interface Evaluation {
  readonly step: number;
  readonly evaluation: number | null;
  readonly general: number | null;
}

/** All that a step changes: replicated at every worker, a function of the recipe and the reduced gradients alone. */
export interface TrainState {
  scalars: StateScalars;
  /** The adapter vector in the layout of the recipe; float32 [layout.length]. */
  readonly master: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
}

export const initialState = (adapter: Float32Array): TrainState => ({
  scalars: { step: 0, beta1Power: 1, beta2Power: 1, skipped: 0, skippedInARow: 0, losses: [], evaluations: [] },
  master: adapter.slice(),
  mean: new Float32Array(adapter.length),
  square: new Float32Array(adapter.length),
});

/** What a step did. */
export interface StepOutcome {
  readonly loss: number | null;
  /** Norm of the gradient before clipping, per supervised token. */
  readonly norm: number;
  readonly skipped: boolean;
}

/**
 * One optimizer step on the sum of all leaves. `pause` is awaited between shards so that the thread can serve others; the
 * state is consistent again when the promise resolves.
 */
export async function applyStep(
  state: TrainState,
  recipe: Recipe,
  reduced: Float32Array,
  pause: () => Promise<void>,
): Promise<StepOutcome> {
  const { step } = state.scalars;
  recordEvaluation(state, recipe, reduced);
  const { optimizer, learningRates, maxGradNorm } = recipe.training;
  const supervised = supervisedOf(recipe, step);
  const shards = trainedParts(recipe);
  const loss = reduced[recipe.layout.lossSlot]! / supervised;
  const norm = globalNorm(reduced, shards) / supervised;
  if (!Number.isFinite(norm) || !Number.isFinite(loss)) return skip(state, loss, norm);

  const { scalars } = state;
  const update: AdamWStep = {
    options: optimizer,
    learningRate: learningRates[step]!,
    gradientScale: clipCoefficient(norm, maxGradNorm) / supervised,
    beta1Power: scalars.beta1Power * optimizer.beta1,
    beta2Power: scalars.beta2Power * optimizer.beta2,
  };
  for (const shard of shards) {
    adamwShard(state, reduced, shard, update);
    await pause();
  }
  state.scalars = {
    step: step + 1,
    beta1Power: update.beta1Power,
    beta2Power: update.beta2Power,
    skipped: scalars.skipped,
    skippedInARow: 0,
    losses: [...scalars.losses, loss],
    evaluations: scalars.evaluations,
  };
  return { loss, norm, skipped: false };
}

function skip(state: TrainState, loss: number, norm: number): StepOutcome {
  const { scalars } = state;
  const finiteLoss = Number.isFinite(loss) ? loss : null;
  state.scalars = {
    ...scalars,
    step: scalars.step + 1,
    skipped: scalars.skipped + 1,
    skippedInARow: scalars.skippedInARow + 1,
    losses: [...scalars.losses, finiteLoss],
  };
  if (state.scalars.skippedInARow >= mostSkipsInARow)
    fail('GradientsNotFinite', { step: scalars.step, inARow: state.scalars.skippedInARow });
  return { loss: finiteLoss, norm, skipped: true };
}

function recordEvaluation(state: TrainState, { evaluation, layout }: Recipe, reduced: Float32Array): void {
  const { scalars } = state;
  if (!evaluation.steps.includes(scalars.step)) return;
  const mean = (kind: 'evaluation' | 'general', supervised: number): number | null => {
    const loss = reduced[layout.lossSlot + slotOf[kind]]! / supervised;
    return supervised > 0 && Number.isFinite(loss) ? loss : null;
  };
  const found: Evaluation = {
    step: scalars.step,
    evaluation: mean('evaluation', supervisedIn(evaluation.leaves)),
    general: mean('general', supervisedIn(evaluation.general)),
  };
  state.scalars = { ...scalars, evaluations: [...scalars.evaluations, found] };
}

/** The step after the last optimizer step, which only evaluates: the adapter stays as it is. */
export function applyEvaluation(state: TrainState, recipe: Recipe, reduced: Float32Array): void {
  recordEvaluation(state, recipe, reduced);
  state.scalars = { ...state.scalars, step: state.scalars.step + 1 };
}

/** Supervised tokens of one step: the divisor of its summed gradients. */
export const supervisedOf = (recipe: Recipe, step: number): number =>
  recipe.batches[step]!.reduce((sum, leaf) => sum + leaf.supervised, 0);

/** The shards without the statistics slot, which is no parameter. */
export const trainedParts = ({ shards, layout }: Recipe): readonly Shard[] =>
  shards.map(([start, end]): Shard => [start, Math.min(end, layout.lossSlot)]).filter(([start, end]) => start < end);

/**
 * The whole state as bytes: 64 of preamble (sizes, SHA-256 of the rest), the scalars as canonical JSON padded to a
 * multiple of 64, then master, mean and square, little endian. Equal states give equal bytes.
 */
export function snapshot({ scalars, master, mean, square }: TrainState): Uint8Array {
  const header = encodeScalars(scalars);
  const body = new Uint8Array(64 + header.length + 3 * master.byteLength);
  const view = new DataView(body.buffer);
  view.setUint32(0, header.length, true);
  view.setUint32(4, master.length, true);
  body.set(header, 64);
  let offset = 64 + header.length;
  for (const vector of [master, mean, square]) {
    body.set(bytesOf(vector), offset);
    offset += vector.byteLength;
  }
  body.set(hashOf(body), 32);
  return body;
}

/** Overwrites `state` with a snapshot; a damaged one or one of another layout is refused and leaves the state as it was. */
export function restore(state: TrainState, bytes: Uint8Array): void {
  const { headerLength, floats } = checkedSizes(bytes);
  if (floats !== state.master.length) fail('StateForeign', { floats, expected: state.master.length });
  const start = 64 + headerLength;
  state.scalars = decodeScalars(bytes.subarray(64, start));
  [state.master, state.mean, state.square].forEach((vector, index) => {
    const from = start + index * vector.byteLength;
    bytesOf(vector).set(bytes.subarray(from, from + vector.byteLength));
  });
}

function checkedSizes(bytes: Uint8Array): { headerLength: number; floats: number } {
  if (bytes.length < 64) fail('StateCorrupt', { sizeBytes: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const headerLength = view.getUint32(0, true);
  const floats = view.getUint32(4, true);
  const whole = bytes.length === 64 + headerLength + 12 * floats;
  if (!whole || !hashOf(bytes).equals(bytes.subarray(32, 64))) fail('StateCorrupt', { sizeBytes: bytes.length });
  return { headerLength, floats };
}

/** SHA-256 of a snapshot without the 32 bytes where it is kept. */
const hashOf = (bytes: Uint8Array): Buffer =>
  createHash('sha256').update(bytes.subarray(0, 32)).update(bytes.subarray(64)).digest();

/** Canonical JSON, padded with spaces to a multiple of 64 bytes. */
export function encodeScalars(scalars: StateScalars): Uint8Array {
  const text = canonicalJson(scalars);
  return new TextEncoder().encode(text.padEnd(text.length + ((64 - (text.length % 64)) % 64)));
}

export const decodeScalars = (bytes: Uint8Array): StateScalars =>
  JSON.parse(new TextDecoder().decode(bytes)) as StateScalars;

export const bytesOf = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
