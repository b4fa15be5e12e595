import { advance } from '../../elastic/advance.js';
import { describeEffect, describeEvent } from '../../elastic/describe.js';
import type { Effect } from '../../elastic/effect.js';
import { type ExchangeEvent, pieceName } from '../../elastic/event.js';
import type { ExchangeState } from '../../elastic/state.js';

export interface SimulatedWorker {
  readonly id: string;
  state: ExchangeState;
  weights: Float32Array;
  readonly cache: Map<string, Float32Array>;
  life: 'running' | 'paused' | 'crashed' | 'ended';
  /** Events that came while paused. */
  readonly inbox: ExchangeEvent[];
  slowness: number;
  computed: number;
  bytesSent: number;
  readonly link: Map<string, boolean>;
  /** What its clock shows at a time of the world. */
  readonly clock: (nowMs: number) => number;
  /** Until when what it has sent so far keeps its network busy. */
  sendingUntilMs: number;
  stepAtMs: number[];
}

export const aWorker = (
  id: string,
  state: ExchangeState,
  weights: Float32Array,
  clock: SimulatedWorker['clock'],
): SimulatedWorker => ({
  id,
  state,
  weights,
  cache: new Map(),
  life: 'running',
  inbox: [],
  slowness: 1,
  computed: 0,
  bytesSent: 0,
  link: new Map(),
  clock,
  sendingUntilMs: 0,
  stepAtMs: [],
});

/** A clock that is off by a random part of `offsetMs` and goes wrong by up to `drift`. */
export function skewedClock(
  skew: { readonly offsetMs: number; readonly drift: number } | undefined,
  random: () => number,
): SimulatedWorker['clock'] {
  const [offsetMs, drift] = skew ? [skew.offsetMs * random(), skew.drift * (2 * random() - 1)] : [0, 0];
  return (nowMs) => offsetMs + nowMs * (1 + drift);
}

/** a, b, ... z, ba, bb: the twin test and its transcripts have few workers and short names. */
export const nameOf = (place: number): string =>
  (place < 26 ? '' : nameOf(Math.floor(place / 26))) + String.fromCharCode(97 + (place % 26));

export const hashOf = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

/** What an effect does to the bytes held; answers with what is wrong, if something is. */
export function changeCache(
  cache: Map<string, Float32Array>,
  effect: Extract<Effect, { kind: 'add' | 'drop' | 'forget' }>,
): string | undefined {
  if (effect.kind === 'drop') cache.delete(pieceName(effect.key));
  if (effect.kind === 'forget')
    for (const name of cache.keys()) if (Number.parseInt(name, 10) < effect.beforeStep) cache.delete(name);
  if (effect.kind !== 'add') return undefined;
  const at = (node: number) => pieceName({ step: effect.step, shard: effect.shard, node });
  const [left, right] = [cache.get(at(effect.left)), cache.get(at(effect.right))];
  if (left === undefined || right === undefined) return `add without bytes ${at(effect.into)}`;
  cache.set(
    at(effect.into),
    left.map((value, i) => value + right[i]!),
  );
  cache.delete(at(effect.left));
  cache.delete(at(effect.right));
  return undefined;
}

/** How long until so many bytes have left: they go one after the other. */
export function wireMs(
  worker: SimulatedWorker,
  nowMs: number,
  sizeBytes: number,
  wire: { readonly bytesPerMs: number } | undefined,
): number {
  if (wire === undefined) return 0;
  worker.sendingUntilMs = Math.max(worker.sendingUntilMs, nowMs) + sizeBytes / wire.bytesPerMs;
  return worker.sendingUntilMs - nowMs;
}

/** One event: the state moves on, and what it asks for is performed, each line of it told. */
export function takeOne(
  worker: SimulatedWorker,
  event: ExchangeEvent,
  nowMs: number,
  trace: ((line: string) => void) | undefined,
  perform: (effect: Effect) => void,
): void {
  const { state, effects } = advance(worker.state, event);
  const line = describeEvent(worker.state, event);
  worker.state = state;
  if (line !== undefined) trace?.(`${nowMs.toFixed(0)} ${worker.id}: ${line}`);
  for (const effect of effects) {
    const told = describeEffect(state, effect);
    if (told !== undefined) trace?.(`${nowMs.toFixed(0)} ${worker.id}:   -> ${told}`);
    perform(effect);
  }
}
