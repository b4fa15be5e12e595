import { Worker } from 'node:worker_threads';
import { type ErrorName, EspalierError, errors, type Facts } from '../../../api/errors.js';
import { programUrl } from '../../../common/programs.js';
import type { ThreadData, ThreadRequest, ThreadResponse, ThreadResult } from './messages.js';

type Unnumbered<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

/** A thread that answers requests; one that dies fails all of them. */
export interface GeneratorThread {
  call(request: Unnumbered<ThreadRequest>): Promise<ThreadResult>;
  /** Frees the sessions and ends the thread. */
  close(): Promise<void>;
}

export function startThread(data: ThreadData): GeneratorThread {
  const worker = new Worker(programUrl('generatorThread'), { workerData: data });
  const waiting = new Map<number, { resolve(result: ThreadResult): void; reject(error: unknown): void }>();
  let nextId = 0;
  let stopped: Error | null = null;
  const ended = new Promise<void>((resolve) => {
    const stop = (reason: string): void => {
      stopped ??= new EspalierError('EngineStopped', { reason });
      for (const { reject } of waiting.values()) reject(stopped);
      waiting.clear();
      resolve();
    };
    worker.on('error', (error) => stop(error.message));
    worker.on('exit', (code) => stop(`exit code ${code}`));
  });
  worker.on('message', (response: ThreadResponse) => {
    const caller = waiting.get(response.id);
    waiting.delete(response.id);
    if (response.kind === 'done') caller?.resolve(response.result);
    else caller?.reject(revived(response));
  });
  const call: GeneratorThread['call'] = (request) =>
    new Promise((resolve, reject) => {
      if (stopped) return reject(stopped);
      waiting.set(nextId, { resolve, reject });
      worker.postMessage({ ...request, id: nextId++ });
    });
  return {
    call,
    async close() {
      if (!stopped) await call({ kind: 'close' });
      await ended;
    },
  };
}

/** The error that was thrown in the thread. */
function revived({ name, facts, reason }: Extract<ThreadResponse, { kind: 'failed' }>): Error {
  const isKnown = name !== null && Object.hasOwn(errors, name);
  return isKnown ? new EspalierError(name as ErrorName, facts as Facts<ErrorName>) : new Error(reason);
}
