import { advanceAll } from '../../elastic/advance.js';
import type { Effect } from '../../elastic/effect.js';
import { type ExchangeEvent, pieceName } from '../../elastic/event.js';
import { type MembershipChange, nextView } from '../../elastic/membership.js';
import { createRules, defaultTiming, type Rules } from '../../elastic/rules.js';
import { initialState } from '../../elastic/state.js';
import { leafNode } from '../../elastic/tree.js';
import type { View } from '../../elastic/view.js';
import { EventQueue } from './eventQueue.js';
import { fetchPiece, restoreFrom, type Surroundings, sendPiece, tell } from './network.js';
import {
  aWorker,
  changeCache,
  hashOf,
  leafLeftRunning,
  leafName,
  nameOf,
  type SimulatedWorker,
  skewedClock,
  takeMail,
  takeOne,
} from './simulatedWorker.js';
import { gradientOf, stepped, twinOf } from './twin.js';
import type { WorldOptions } from './worldOptions.js';

/** A training in one thread and simulated time: any number of workers, one oracle, a network with faults. */
export class World implements Surroundings {
  readonly workers = new Map<string, SimulatedWorker>();
  readonly blocked = new Set<string>();
  readonly problems: string[] = [];
  /** Times that somebody gave up waiting for the others: never without broken connections. */
  stalls = 0;
  /** Statuses heard by all. */
  statuses = 0;
  readonly rules: Rules;
  readonly twin: readonly Float32Array[];
  lossRate = 0;
  duplicateRate = 0;
  jitterMs = 0;
  oracleUp = true;
  view: View = { number: 0, members: [] };
  readonly options: WorldOptions;
  readonly #length: number;
  readonly #queue = new EventQueue();
  #born = 0;
  #ticks = 0;
  /** Somebody's end, birth or connections: who reaches whom is looked at again. */
  #waysChanged = true;

  constructor(options: WorldOptions) {
    this.options = options;
    this.#length = options.shardLength ?? 3;
    const { steps, shards, leavesOf } = options;
    const timing = { ...defaultTiming, ...options.timing };
    this.rules = createRules({ steps, shards, leavesOf, timing, assignment: 'bySpeed' });
    this.twin = twinOf(this.rules, this.#length * shards);
    for (let i = 0; i < options.workers; i++) this.#birth();
    this.#change({ kind: 'formed', members: [...this.workers.keys()].map((id) => ({ id, address: id })) });
    this.#queue.every(options.quantumMs ?? 50, () => this.#tick());
  }

  get nowMs(): number {
    return this.#queue.nowMs;
  }

  /** A new process that knows only the recipe. */
  join(): void {
    const { id } = this.#birth();
    this.#change({ kind: 'appeared', id, address: id });
  }

  crash(id: string): void {
    const worker = this.workers.get(id)!;
    worker.life = 'crashed';
    worker.diedAtMs = this.nowMs;
    worker.mail.clear();
    this.#waysChanged = true;
    this.after(400, () => this.#remove(id));
  }

  pause(id: string, forMs: number): void {
    const worker = this.workers.get(id)!;
    if (worker.life !== 'running') return;
    worker.life = 'paused';
    this.after(forMs, () => {
      if (worker.life !== 'paused') return;
      worker.life = 'running';
      for (const event of worker.inbox.splice(0)) this.emit(worker, event);
    });
  }

  leave(id: string): void {
    this.emit(this.workers.get(id)!, { kind: 'leave' });
  }

  block(from: string, to: string, forMs: number): void {
    this.blocked.add(`${from}>${to}`);
    this.#waysChanged = true;
    this.after(forMs, () => {
      this.blocked.delete(`${from}>${to}`);
      this.#waysChanged = true;
    });
  }

  /** The oracle: the product's own rule for the next view, published to everybody in it. */
  #change(change: MembershipChange): void {
    const view = nextView(this.view, change);
    if (view === this.view) return;
    this.view = view;
    for (const { id } of view.members) {
      const worker = this.workers.get(id)!;
      this.emitLater(worker, { kind: 'view', view }, this.delay() * 3);
    }
  }

  after(delayMs: number, run: () => void): void {
    this.#queue.after(delayMs, run);
  }

  /** Runs until every live worker has ended, or until `untilMs`. */
  run(untilMs: number): void {
    while (this.nowMs < untilMs && this.problems.length === 0) {
      if ([...this.workers.values()].every(({ life }) => life === 'ended' || life === 'crashed')) return;
      this.#queue.runNext();
    }
  }

  emit(worker: SimulatedWorker, event: ExchangeEvent): void {
    if (worker.life === 'crashed' || worker.life === 'ended') return;
    if (worker.life === 'paused' || (this.options.quantumMs && event.kind !== 'tick')) {
      worker.inbox.push(event);
      return;
    }
    const wasStalled = worker.state.stalled;
    const tick = { kind: 'tick', nowMs: worker.clock(this.nowMs) } as const;
    takeOne(worker, tick, event, this.nowMs, this.options.trace, (effect) => this.#perform(worker, effect));
    if (worker.state.stalled && !wasStalled) this.stalls++;
  }

  emitLater(worker: SimulatedWorker, event: ExchangeEvent, delayMs: number) {
    const { quantumMs } = this.options;
    if (!quantumMs) return this.after(delayMs, () => this.emit(worker, event));
    if (worker.life === 'crashed' || worker.life === 'ended') return;
    // Events that are taken together need no place of their own in the queue.
    const tick = Math.floor((this.nowMs + delayMs) / quantumMs) + 1;
    const letters = worker.mail.get(tick);
    if (letters === undefined) worker.mail.set(tick, [event]);
    else letters.push(event);
  }

  #birth(): SimulatedWorker {
    const id = nameOf(this.#born++);
    const { rules } = this;
    const { skew, engines = 1, random } = this.options;
    const clock = skewedClock(skew, random);
    const state = initialState({ rules, self: id, parallel: engines, step: 0, nowMs: clock(this.nowMs) });
    const worker = aWorker(id, state, new Float32Array(this.#length * rules.shards), clock);
    this.workers.set(id, worker);
    this.#waysChanged = true;
    this.emit(worker, { kind: 'target', untilStep: rules.steps });
    return worker;
  }

  #remove(id: string) {
    if (!this.oracleUp) return this.after(1000, () => this.#remove(id));
    this.#change({ kind: 'gone', id });
  }

  /** A request that meets no oracle is lost: the worker asks again. */
  #admit(id: string): void {
    if (this.oracleUp && this.workers.get(id)!.life !== 'crashed') this.#change({ kind: 'ready', id });
  }

  #tick(): void {
    this.#ticks++;
    const changed = this.#waysChanged;
    this.#waysChanged = false;
    for (const worker of this.workers.values()) {
      const { view } = worker.state;
      if (changed || view !== worker.linkedView) for (const { id } of view?.members ?? []) this.#checkLink(worker, id);
      worker.linkedView = view;
      if (this.options.quantumMs) this.#takeTogether(worker);
      else this.emit(worker, { kind: 'tick', nowMs: worker.clock(this.nowMs) });
    }
  }

  #takeTogether(worker: SimulatedWorker): void {
    if (worker.life !== 'running' || worker.busyUntilMs > this.nowMs) return;
    const { statusMs = 0 } = this.options;
    const tick = { kind: 'tick', nowMs: worker.clock(this.nowMs) } as const;
    const events = takeMail(worker, this.#ticks);
    const statuses = events.reduce((count, { kind }) => count + (kind === 'status' ? 1 : 0), 0);
    this.statuses += statuses;
    worker.busyUntilMs = Math.max(worker.busyUntilMs, this.nowMs) + statuses * statusMs;
    const { state, effects } = advanceAll(worker.state, [tick, ...events]);
    if (state.stalled && !worker.state.stalled) this.stalls++;
    worker.state = state;
    for (const effect of effects) this.#perform(worker, effect);
  }

  /** Connections break when a process is gone or the way to it is cut, and are made again. */
  #checkLink(worker: SimulatedWorker, id: string): void {
    if (id === worker.id) return;
    const up = this.#reaches(worker.id, id);
    if (worker.link.get(id) === up) return;
    worker.link.set(id, up);
    this.emitLater(worker, { kind: up ? 'linkUp' : 'linkDown', peer: id }, this.delay());
  }

  #reaches(from: string, to: string): boolean {
    const life = this.workers.get(to)?.life;
    return (life === 'running' || life === 'paused') && !this.blocked.has(`${from}>${to}`);
  }

  delay(): number {
    return (this.options.latencyMs ?? 1) + this.options.random() * this.jitterMs;
  }

  lost(from: string, to: string): boolean {
    return !this.#reaches(from, to) || this.options.random() < this.lossRate;
  }

  #perform(worker: SimulatedWorker, effect: Effect) {
    switch (effect.kind) {
      case 'add':
      case 'drop':
      case 'forget': {
        const problem = changeCache(worker.cache, effect);
        return problem === undefined ? undefined : this.problem(worker, problem);
      }
      case 'compute':
        return this.#compute(worker, effect.step, effect.leaf);
      case 'send':
        return sendPiece(this, worker, effect.to, effect.key);
      case 'fetch':
        return fetchPiece(this, worker, effect.from, effect.key);
      case 'restore':
        return restoreFrom(this, worker, effect.from);
      case 'apply':
        return this.#apply(worker, effect.step, effect.root);
      case 'tell':
        return tell(this, worker, effect.to, effect.status);
      case 'compare': {
        const held = worker.cache.get(pieceName(effect.key));
        if (held !== undefined && hashOf(held) !== effect.hash) this.emit(worker, { ...effect, kind: 'diverged' });
        return;
      }
      case 'ready':
        return this.after(this.delay() * 3, () => this.#admit(worker.id));
      case 'finished':
      case 'left':
        worker.life = 'ended';
        this.#waysChanged = true;
        this.after(50, () => this.#remove(worker.id));
        return;
      case 'fault':
        return this.problem(worker, `fault ${effect.fault.name}`);
      case 'abandon':
        return void worker.abandoned.add(leafName(effect.step, effect.leaf));
    }
  }

  #compute(worker: SimulatedWorker, step: number, leaf: number) {
    worker.abandoned.delete(leafName(step, leaf));
    const vector = gradientOf(step, leaf, worker.weights);
    const leafMs = (this.options.leafMs ?? 100) * worker.slowness * (0.9 + 0.2 * this.options.random());
    this.after(leafMs, () => {
      if (worker.life === 'crashed' || worker.life === 'ended') return;
      worker.computed++;
      const finish = () => {
        for (let shard = 0; shard < this.rules.shards; shard++) {
          const name = pieceName({ step, shard, node: leafNode(leaf) });
          worker.cache.set(name, vector.slice(shard * this.#length, (shard + 1) * this.#length));
        }
        this.emit(worker, { kind: 'computed', step, leaf, elapsedMs: leafMs });
      };
      if (worker.life === 'running') finish();
      else this.whenRunning(worker, finish);
    });
  }

  whenRunning(worker: SimulatedWorker, run: () => void) {
    if (worker.life === 'running') run();
    else if (worker.life === 'paused') this.after(20, () => this.whenRunning(worker, run));
  }

  #apply(worker: SimulatedWorker, step: number, root: number) {
    const reduced = new Float32Array(this.#length * this.rules.shards);
    for (let shard = 0; shard < this.rules.shards; shard++) {
      const bytes = worker.cache.get(pieceName({ step, shard, node: root }));
      if (bytes === undefined) return this.problem(worker, `apply ${step} without shard ${shard}`);
      reduced.set(bytes, shard * this.#length);
    }
    if (hashOf(reduced) !== hashOf(this.twin[step]!)) this.problem(worker, `step ${step} has other bits than the twin`);
    this.after(this.options.applyMs ?? 3, () =>
      this.whenRunning(worker, () => {
        this.change(worker, stepped(worker.weights, reduced));
        worker.stepAtMs[step] = this.nowMs;
        this.emit(worker, { kind: 'applied', step });
      }),
    );
  }

  /** Its state becomes another one. */
  change(worker: SimulatedWorker, weights: Float32Array): void {
    const left = leafLeftRunning(worker);
    if (left !== undefined) this.problem(worker, left);
    worker.weights = weights;
  }

  problem(worker: SimulatedWorker, what: string): void {
    this.problems.push(`${this.nowMs.toFixed(0)} ms, ${worker.id} at step ${worker.state.step}: ${what}`);
  }
}
