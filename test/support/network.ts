import { acceptance } from '../../elastic/advance.js';
import { type ExchangeEvent, type Outcome, type PieceKey, pieceName } from '../../elastic/event.js';
import type { Status } from '../../elastic/status.js';
import { hashOf, type SimulatedWorker } from './simulatedWorker.js';
import type { Wire, WorldOptions } from './worldOptions.js';

/** What a way through the simulated network needs of the world. */
export interface Surroundings {
  readonly nowMs: number;
  readonly options: WorldOptions;
  readonly workers: ReadonlyMap<string, SimulatedWorker>;
  readonly duplicateRate: number;
  lost(from: string, to: string): boolean;
  delay(): number;
  after(delayMs: number, run: () => void): void;
  emit(worker: SimulatedWorker, event: ExchangeEvent): void;
  /** The same after a delay. */
  emitLater(worker: SimulatedWorker, event: ExchangeEvent, delayMs: number): void;
  whenRunning(worker: SimulatedWorker, run: () => void): void;
  /** Its state becomes another one. */
  change(worker: SimulatedWorker, weights: Float32Array): void;
  problem(worker: SimulatedWorker, what: string): void;
}

/** How many states one worker gives out at once, as in worker/exchange/service.ts. */
const maxTransfers = 2;

/** How long until so many bytes have left: they go one after the other. */
function leaveMs(from: SimulatedWorker, nowMs: number, sizeBytes: number, wire: Wire): number {
  from.bytesSent += sizeBytes;
  from.sendingUntilMs = Math.max(from.sendingUntilMs, nowMs) + sizeBytes / wire.bytesPerMs;
  return from.sendingUntilMs - nowMs;
}

/** How long until they have arrived too: what reaches one worker shares its network card. */
function wayMs(from: SimulatedWorker, to: SimulatedWorker, nowMs: number, sizeBytes: number, wire?: Wire): number {
  if (wire === undefined) return 0;
  const leftMs = leaveMs(from, nowMs, sizeBytes, wire);
  to.receivingUntilMs = Math.max(nowMs + leftMs, to.receivingUntilMs + sizeBytes / wire.bytesPerMs);
  return to.receivingUntilMs - nowMs;
}

/** Header, fixed fields, frame; and about two bytes for each number of a list. */
const statusBytes = ({ running, done, reducing, missing, reduced }: Status): number =>
  100 + 2 * (running.length + done.length + reducing.length + missing.length + reduced.length);

/** One status to many. */
export function tell(world: Surroundings, worker: SimulatedWorker, to: readonly string[], status: Status): void {
  const { wire, random } = world.options;
  const queuedMs = wire ? leaveMs(worker, world.nowMs, to.length * statusBytes(status), wire) : 0;
  const event: ExchangeEvent = { kind: 'status', from: worker.id, status };
  for (const id of to) {
    const copies = random() < world.duplicateRate ? 2 : 1;
    for (let i = 0; i < copies; i++)
      if (!world.lost(worker.id, id)) world.emitLater(world.workers.get(id)!, event, world.delay() + queuedMs);
  }
}

export function sendPiece(world: Surroundings, worker: SimulatedWorker, to: string, key: PieceKey) {
  const { wire, random } = world.options;
  const bytes = worker.cache.get(pieceName(key));
  if (bytes === undefined) return world.problem(worker, `send without bytes ${pieceName(key)}`);
  const answer = (outcome: Outcome) => world.emit(worker, { kind: 'sent', to, key, outcome });
  if (world.lost(worker.id, to)) return world.after(300, () => answer('failed'));
  const peer = world.workers.get(to)!;
  world.after(world.delay() + wayMs(worker, peer, world.nowMs, wire?.pieceBytes ?? 0, wire), () => {
    if (peer.life === 'paused') return world.after(3000, () => answer('failed'));
    if (peer.life !== 'running') return world.after(300, () => answer('failed'));
    const outcome = deliver(world, worker.id, peer, key, bytes);
    if (world.lost(to, worker.id)) world.after(300, () => answer('failed'));
    else world.after(world.delay(), () => answer(outcome));
  });
  if (random() < world.duplicateRate)
    world.after(world.delay() + 200 * random(), () => {
      if (peer.life === 'running') deliver(world, worker.id, peer, key, bytes);
    });
}

function deliver(
  world: Surroundings,
  from: string,
  peer: SimulatedWorker,
  key: PieceKey,
  bytes: Float32Array,
): Outcome {
  const outcome = acceptance(peer.state, key);
  if (outcome === 'taken') peer.cache.set(pieceName(key), bytes.slice());
  if (outcome !== 'early') world.emit(peer, { kind: 'received', from, key, hash: hashOf(bytes) });
  return outcome;
}

export function fetchPiece(world: Surroundings, worker: SimulatedWorker, from: string, key: PieceKey) {
  const { wire } = world.options;
  const failed = () => world.emit(worker, { kind: 'fetchFailed', from, key });
  if (world.lost(worker.id, from)) return world.after(300, failed);
  world.after(world.delay(), () => {
    const source = world.workers.get(from)!;
    const bytes = source.life === 'running' ? source.cache.get(pieceName(key)) : undefined;
    if (bytes === undefined || world.lost(from, worker.id)) return world.after(100, failed);
    world.after(world.delay() + wayMs(source, worker, world.nowMs, wire?.pieceBytes ?? 0, wire), () =>
      // What reaches a paused process waits for it.
      world.whenRunning(worker, () => deliver(world, from, worker, key, bytes)),
    );
  });
}

/** The whole state of one worker on its way to another, through a network that may lose it. */
export function restoreFrom(world: Surroundings, worker: SimulatedWorker, from: string) {
  const { wire } = world.options;
  const failed = () => world.emit(worker, { kind: 'restoreFailed', from });
  if (world.lost(worker.id, from)) return world.after(300, failed);
  world.after(world.delay(), () => {
    const source = world.workers.get(from)!;
    if (source.life !== 'running' || source.state.activity.kind === 'applying') return world.after(100, failed);
    if (source.transfers >= maxTransfers) return world.after(world.delay(), failed);
    const [weights, { step }] = [source.weights.slice(), source.state];
    source.transfers++;
    const stateMs = wire ? wayMs(source, worker, world.nowMs, wire.stateBytes, wire) : 250;
    world.after(stateMs + world.delay(), () => {
      source.transfers--;
      if (world.lost(from, worker.id)) return world.after(100, failed);
      world.whenRunning(worker, () => {
        if (step > worker.state.step) world.change(worker, weights);
        world.emit(worker, { kind: 'restored', step });
      });
    });
  });
}
