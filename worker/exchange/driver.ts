import { EspalierError, fail } from '../../api/errors.js';
import { acceptance, advanceAll } from '../../elastic/advance.js';
import { describeEffect, describeEvent } from '../../elastic/describe.js';
import type { Effect } from '../../elastic/effect.js';
import type { ExchangeEvent, PieceKey } from '../../elastic/event.js';
import { type ExchangeState, initialState, isApplying, isJoined } from '../../elastic/state.js';
import { type Waiting, waitingFor } from '../../elastic/tell.js';
import type { ServedService } from '../../proto/transport.js';
import { PieceCache } from './cache.js';
import type { Exchange, ExchangeOptions } from './exchange.js';
import { LeafRunner } from './leafRunner.js';
import { Meter } from './meter.js';
import { Peers } from './peers.js';
import { rulesOf } from './rulesOf.js';
import { exchangeService } from './service.js';
import { SnapshotPin } from './snapshotPin.js';
import { type StepReport, unmeasured } from './trainee.js';

const tickMs = 100;
/** The event loop is given a turn after this much work in one go: adds and hashes must not hold up statuses. */
const sliceMs = 8;

export function createExchange(options: ExchangeOptions): Exchange {
  return new Driver(options);
}

/** The one loop: events in, `advance`, effects performed in order. */
class Driver implements Exchange {
  readonly service: ServedService;
  readonly #options: ExchangeOptions;
  readonly #cache: PieceCache;
  readonly #meter: Meter;
  readonly #peers: Peers | undefined;
  readonly #closed = new AbortController();
  readonly #queue: Posted[] = [];
  readonly #leaves: LeafRunner;
  readonly #background: Promise<unknown>[] = [];
  #state: ExchangeState;
  #looping = false;
  #failure: unknown;
  #ended: 'finished' | 'left' | undefined;
  #reports: StepReport[] = [];
  #wake = () => {};
  readonly #snapshot: SnapshotPin;

  constructor(options: ExchangeOptions) {
    const { self, trainee, clock, others, log, numerics = unmeasured } = options;
    this.#options = options;
    this.#cache = new PieceCache(options.recipe);
    const rules = rulesOf(options);
    this.#state = initialState({
      rules,
      self,
      parallel: trainee.parallel,
      step: trainee.nextStep,
      nowMs: clock.monotonic(),
    });
    this.#snapshot = new SnapshotPin(trainee, () => isApplying(this.#state));
    this.#meter = new Meter(clock);
    this.#leaves = new LeafRunner({
      trainee,
      clock,
      recipe: options.recipe,
      meter: this.#meter,
      buffers: this.#cache.buffers,
      post: (event, values) => this.#post(event, values),
    });
    const traffic = {
      onSent: (sizeBytes: number) => this.#meter.sent(sizeBytes),
      onReceived: (sizeBytes: number) => this.#meter.received(sizeBytes),
    };
    this.service = exchangeService({
      self,
      recipe: options.recipe,
      numerics,
      cache: this.#cache,
      state: () => this.#state,
      snapshot: () => this.#snapshot.take(),
      onStatus: (from, status) => this.#post({ kind: 'status', from, status }),
      onPiece: (from, key, hash, values) => this.#post({ kind: 'received', from, key, hash }, values),
      ...traffic,
    });
    this.#peers =
      others &&
      new Peers({
        ...others,
        self,
        recipe: options.recipe,
        numerics,
        buffers: this.#cache.buffers,
        clock,
        log,
        view: () => this.#state.view?.number ?? 0,
        onLink: (peer, up) => this.#post({ kind: up ? 'linkUp' : 'linkDown', peer }),
        onMismatch: (peer, error) => this.#mismatch(peer, error),
        ...traffic,
      });
  }

  async *run({ untilStep, signal }: { untilStep: number; signal: AbortSignal }): AsyncIterable<StepReport> {
    this.#ended = undefined;
    const leave = () => this.#post({ kind: 'leave' });
    signal.addEventListener('abort', leave, { once: true });
    this.#post({ kind: 'target', untilStep });
    this.#start();
    if (signal.aborted) leave();
    try {
      for (;;) {
        const reports = this.#reports;
        this.#reports = [];
        yield* reports;
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#reports.length > 0) continue;
        if (this.#ended !== undefined) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  waiting(): Waiting {
    return waitingFor(this.#state);
  }

  async close(): Promise<void> {
    this.#closed.abort(new DOMException('the exchange is closed', 'AbortError'));
    this.#leaves.abandonAll(this.#closed.signal.reason);
    await this.#peers?.close();
    await Promise.allSettled(this.#background);
  }

  /** Time, and views: the events that come from neither peers nor engines. */
  #start(): void {
    if (this.#background.length > 0) return;
    const { clock, others, self, log } = this.#options;
    const signal = this.#closed.signal;
    const background = (name: string, work: () => Promise<void>) =>
      this.#background.push(
        work().catch((error: unknown) => {
          if (signal.aborted) return;
          log.error(`${name} failed`, { error: String(error) });
          this.#fail(error);
        }),
      );
    background('the clock', async () => {
      for (;;) {
        await clock.sleep(tickMs, signal);
        this.#post({ kind: 'tick', nowMs: clock.monotonic() });
      }
    });
    if (others === undefined) {
      this.#post({ kind: 'view', view: { number: 1, members: [{ id: self, address: '', joined: true }] } });
      return;
    }
    background('the source of views', async () => {
      for await (const view of others.views.views(signal)) this.#post({ kind: 'view', view });
    });
  }

  #post(event: ExchangeEvent, values?: Float32Array): void {
    if (this.#failure !== undefined || this.#closed.signal.aborted) return;
    this.#queue.push({ event, values });
    if (this.#looping) return;
    this.#looping = true;
    this.#loop().catch((error: unknown) => this.#fail(error));
  }

  async #loop(): Promise<void> {
    const { clock } = this.#options;
    let sliceEndsMs = clock.monotonic() + sliceMs;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      for (const effect of this.#take(next, clock.monotonic())) {
        this.#perform(effect);
        if (clock.monotonic() < sliceEndsMs) continue;
        await new Promise((resolve) => setImmediate(resolve));
        sliceEndsMs = clock.monotonic() + sliceMs;
      }
    }
    this.#looping = false;
  }

  /** Stores the bytes that come with an event, if they are of use, before the state hears of them: of it and the time at once. */
  #take({ event, values }: Posted, nowMs: number): readonly Effect[] {
    if (event.kind === 'received') {
      const wanted = acceptance(this.#state, event.key) === 'taken';
      if (wanted && values === undefined) return [];
      if (wanted) this.#cache.put(event.key, values!, event.hash);
      else if (values !== undefined) this.#cache.buffers.give(values);
    }
    if (event.kind === 'computed') this.#cache.putLeaf(event.step, event.leaf, values!);
    const effects = this.#advance(event, nowMs);
    if (event.kind === 'view') this.#peers?.follow(this.#state.view);
    if (event.kind === 'applied') this.#snapshot.applied();
    return effects;
  }

  #advance(event: ExchangeEvent, nowMs: number): readonly Effect[] {
    const { log } = this.#options;
    const line = describeEvent(this.#state, event);
    const { state, effects } = advanceAll(this.#state, [{ kind: 'tick', nowMs }, event]);
    this.#state = state;
    if (line !== undefined) log.debug(line);
    for (const effect of effects) {
      const told = describeEffect(state, effect);
      if (told !== undefined) log.debug(`-> ${told}`);
    }
    return effects;
  }

  #perform(effect: Effect): void {
    (this.#performers[effect.kind] as (effect: Effect) => void)(effect);
  }

  readonly #performers: { readonly [K in Effect['kind']]: (effect: Extract<Effect, { kind: K }>) => void } = {
    add: ({ step, shard, left, right, into }) => {
      const at = (node: number) => ({ step, shard, node });
      this.#cache.add(at(left), at(right), at(into));
    },
    drop: ({ key }) => this.#cache.drop(key),
    forget: ({ beforeStep }) => this.#cache.forget(beforeStep),
    compute: ({ step, leaf }) => this.#spawn(this.#leaves.compute(step, leaf)),
    abandon: ({ step, leaf }) => this.#leaves.abandon(step, leaf),
    apply: ({ step, root }) => this.#spawn(this.#apply(step, root)),
    send: ({ to, key }) => this.#spawn(this.#send(to, key)),
    fetch: ({ from, key }) => this.#spawn(this.#fetch(from, key)),
    restore: ({ from }) => this.#spawn(this.#restore(from)),
    compare: ({ from, key, hash }) => this.#compare(from, key, hash),
    tell: ({ to, status }) => this.#peers?.tell(to, status),
    ready: ({ step }) => this.#options.others?.views.ready(step),
    finished: () => this.#end('finished'),
    left: () => {
      this.#options.others?.views.leaving();
      this.#end('left');
    },
    fault: ({ fault }) => this.#fail(new EspalierError(fault.name, fault.facts as never)),
  };

  #end(how: 'finished' | 'left'): void {
    this.#ended = how;
    this.#wake();
  }

  #spawn(work: Promise<void>): void {
    work.catch((error: unknown) => this.#fail(error));
  }

  async #apply(step: number, root: number): Promise<void> {
    const { trainee, recipe } = this.#options;
    const reduced = this.#cache.gather(step, root);
    const lossSum = reduced[recipe.lossSlot]!;
    await trainee.apply(step, reduced);
    this.#cache.buffers.give(reduced);
    if (trainee.nextStep !== step + 1)
      fail('Internal', { what: `after step ${step} the trainee is at step ${trainee.nextStep}` });
    const { view } = this.#state;
    const members = view?.members.filter(({ joined }) => joined).length ?? 1;
    this.#reports.push(this.#meter.report({ step, lossSum, members, view: view?.number ?? 0 }));
    this.#post({ kind: 'applied', step });
    this.#wake();
  }

  async #send(to: string, key: PieceKey): Promise<void> {
    const piece = this.#cache.get(key);
    if (piece === undefined)
      return fail('Internal', { what: `the piece ${key.step}/${key.shard}/${key.node} has no bytes` });
    const outcome = (await this.#peers?.offer(to, key, piece)) ?? 'failed';
    this.#post({ kind: 'sent', to, key, outcome });
  }

  async #fetch(from: string, key: PieceKey): Promise<void> {
    const [start, end] = this.#options.recipe.shards[key.shard]!;
    const piece = await this.#peers?.fetch(from, key, end - start);
    if (piece === undefined) this.#post({ kind: 'fetchFailed', from, key });
    else this.#post({ kind: 'received', from, key, hash: piece.hash }, piece.values);
  }

  async #restore(from: string): Promise<void> {
    const { trainee } = this.#options;
    const state = await this.#peers?.fetchState(from, trainee.nextStep);
    // While it was on its way this worker may have been asked to leave; the state is taken only if it is still waited for.
    if (state === undefined || state.step <= trainee.nextStep || this.#state.activity.kind !== 'restoring')
      return this.#post({ kind: 'restoreFailed', from });
    this.#leaves.abandonAll(new DOMException('a later state is taken', 'AbortError'));
    trainee.restore(state.bytes);
    if (trainee.nextStep !== state.step)
      fail('Internal', { what: `the state of step ${state.step} put the trainee at step ${trainee.nextStep}` });
    this.#post({ kind: 'restored', step: state.step });
  }

  #compare(from: string, key: PieceKey, hash: string): void {
    const piece = this.#cache.get(key);
    if (piece !== undefined && piece.hash !== hash) this.#post({ kind: 'diverged', from, key });
  }

  /** A newcomer that does not fit gives up; one who trains already goes on without the odd one. */
  #mismatch(peer: string, error: EspalierError): void {
    this.#options.log.warn('a peer does not fit', { peer, error: error.message });
    const { self, step } = this.#state;
    if (!isJoined(this.#state, self) || (step === 0 && isJoined(this.#state, peer))) this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#leaves.abandonAll(error);
    this.#wake();
  }
}

interface Posted {
  readonly event: ExchangeEvent;
  readonly values: Float32Array | undefined;
}
