import type { ExchangeEvent } from '../../elastic/event.js';
import { type SimulatedWorker, wireMs } from './simulatedWorker.js';
import type { WorldOptions } from './worldOptions.js';

/** What a way through the simulated network needs of the world. */
interface Surroundings {
  readonly nowMs: number;
  readonly workers: ReadonlyMap<string, SimulatedWorker>;
  lost(from: string, to: string): boolean;
  delay(): number;
  after(delayMs: number, run: () => void): void;
  emit(worker: SimulatedWorker, event: ExchangeEvent): void;
  whenRunning(worker: SimulatedWorker, run: () => void): void;
}

/** The whole state of one worker on its way to another, through a network that may lose it. */
export function restoreFrom(world: Surroundings, worker: SimulatedWorker, from: string, wire: WorldOptions['wire']) {
  const failed = () => world.emit(worker, { kind: 'restoreFailed', from });
  if (world.lost(worker.id, from)) return world.after(300, failed);
  world.after(world.delay(), () => {
    const source = world.workers.get(from)!;
    if (source.life !== 'running' || source.state.activity.kind === 'applying') return world.after(100, failed);
    const [weights, { step }] = [source.weights.slice(), source.state];
    const stateMs = wire ? wireMs(source, world.nowMs, wire.stateBytes, wire) : 250;
    world.after(stateMs + world.delay(), () => {
      if (world.lost(from, worker.id)) return world.after(100, failed);
      world.whenRunning(worker, () => {
        if (step > worker.state.step) worker.weights = weights;
        world.emit(worker, { kind: 'restored', step });
      });
    });
  });
}
