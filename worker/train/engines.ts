import type { Engine } from '../engine/engine.js';

/** Several engines behind one queue: a task gets the next free one. */
export interface EnginePool {
  readonly size: number;
  /** Rejects with the signal's reason when aborted before an engine is free. */
  run<T>(signal: AbortSignal, task: (engine: Engine) => Promise<T>): Promise<T>;
}

export function createEnginePool(engines: readonly Engine[]): EnginePool {
  const free = [...engines];
  const waiting: ((engine: Engine) => void)[] = [];

  const release = (engine: Engine): void => {
    const next = waiting.shift();
    if (next) next(engine);
    else free.push(engine);
  };

  const take = (signal: AbortSignal): Promise<Engine> =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const engine = free.pop();
      if (engine) return resolve(engine);
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(give), 1);
        reject(signal.reason);
      };
      const give = (given: Engine): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(given);
      };
      waiting.push(give);
      signal.addEventListener('abort', onAbort, { once: true });
    });

  return {
    size: engines.length,
    async run(signal, task) {
      const engine = await take(signal);
      try {
        return await task(engine);
      } finally {
        release(engine);
      }
    },
  };
}
