import { advanceAll } from '../../elastic/advance.js';
import { describeEffect, describeEvent } from '../../elastic/describe.js';
import type { Effect } from '../../elastic/effect.js';
import { type ExchangeEvent, pieceName } from '../../elastic/event.js';
import type { ExchangeState } from '../../elastic/state.js';
import type { View } from '../../elastic/view.js';

export interface SimulatedWorker {
  readonly id: string;
  state: ExchangeState;
  weights: Float32Array;
  readonly cache: Map<string, Float32Array>;
  life: 'running' | 'paused' | 'crashed' | 'ended';
  /** Events that came while paused, or since it last took what had come. */
  readonly inbox: ExchangeEvent[];
  /** Events on their way, by the tick at which they are there. */
  readonly mail: Map<number, ExchangeEvent[]>;
  /** What it hears keeps its thread busy until then. */
  busyUntilMs: number;
  slowness: number;
  computed: number;
  bytesSent: number;
  /** Leaves that it was told not to go on with. */
  readonly abandoned: Set<string>;
  readonly link: Map<string, boolean>;
  /** The view whose connections were looked at last. */
  linkedView: View | undefined;
  /** States that are being fetched from it. */
  transfers: number;
  /** What its clock shows at a time of the world. */
  readonly clock: (nowMs: number) => number;
  /** Until when what it has sent so far keeps its network busy. */
  sendingUntilMs: number;
  receivingUntilMs: number;
  stepAtMs: number[];
  diedAtMs: number | undefined;
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
  mail: new Map(),
  busyUntilMs: 0,
  slowness: 1,
  computed: 0,
  bytesSent: 0,
  abandoned: new Set(),
  link: new Map(),
  linkedView: undefined,
  transfers: 0,
  clock,
  sendingUntilMs: 0,
  receivingUntilMs: 0,
  stepAtMs: [],
  diedAtMs: undefined,
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

export const leafName = (step: number, leaf: number): string => `${step}/${leaf}`;

/** Its state is about to become another one: a leaf that still runs on the old one would be a fault of the real worker. */
export function leafLeftRunning({ state, abandoned }: SimulatedWorker): string | undefined {
  const left = state.running.find(({ step, leaf }) => !abandoned.has(leafName(step, leaf)));
  return left && `leaf ${left.leaf} of step ${left.step} runs on while the state changes`;
}

/** What is there at this tick, in the order in which it was sent. */
export function takeMail({ inbox, mail }: SimulatedWorker, tick: number): ExchangeEvent[] {
  const events = inbox.splice(0);
  for (const [due, letters] of mail) {
    if (due > tick) continue;
    for (const letter of letters) events.push(letter);
    mail.delete(due);
  }
  return events;
}

/** One event, and the time at which it comes: the state moves on, and what it asks for is performed, each line of it told. */
export function takeOne(
  worker: SimulatedWorker,
  tick: ExchangeEvent,
  event: ExchangeEvent,
  nowMs: number,
  trace: ((line: string) => void) | undefined,
  perform: (effect: Effect) => void,
): void {
  // In one turn, as the worker's own loop takes them.
  const { state, effects } = advanceAll(worker.state, event.kind === 'tick' ? [event] : [tick, event]);
  const line = trace && describeEvent(worker.state, event);
  worker.state = state;
  if (line !== undefined) trace?.(`${nowMs.toFixed(0)} ${worker.id}: ${line}`);
  for (const effect of effects) {
    const told = trace && describeEffect(state, effect);
    if (told !== undefined) trace?.(`${nowMs.toFixed(0)} ${worker.id}:   -> ${told}`);
    perform(effect);
  }
}
