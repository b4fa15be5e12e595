import { Worker } from 'node:worker_threads';
import { EspalierError } from '../../api/errors.js';
import { programUrl } from '../../common/programs.js';
import type { Engine } from './engine.js';
import type { EngineAnswer, EngineRequest, Failure } from './protocol.js';
import type { EngineSetup } from './strategy/strategy.js';

interface Waiting {
  readonly resolve: (answer: EngineAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts an engine in a thread of its own. Sessions open when a shape is first used. Requests queue up; several engines of
 * a process share the mapped base weights.
 */
export async function createEngine(setup: EngineSetup, options: { signal?: AbortSignal } = {}): Promise<Engine> {
  options.signal?.throwIfAborted();
  const worker = new Worker(programUrl('engineThread'), { workerData: setup });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let stopped: Error | undefined;

  const stop = (error: Error): void => {
    stopped ??= error;
    for (const { reject } of waiting.values()) reject(stopped);
    waiting.clear();
  };
  const ready = new Promise<void>((resolve, reject) => {
    worker.on('message', (answer: EngineAnswer) => {
      if (answer.kind === 'ready') resolve();
      else if (answer.kind === 'failed' && answer.id === null) reject(toError(answer.failure));
      else settle(waiting, answer);
    });
    worker.on('error', (cause) => {
      const error = new EspalierError('EngineStopped', { reason: cause.message }, { cause });
      stop(error);
      reject(error);
    });
    worker.on('exit', (code) => {
      const error = new EspalierError('EngineStopped', { reason: `its thread ended with code ${code}` });
      stop(error);
      reject(error);
    });
  });
  const terminate = async (): Promise<void> => {
    stop(new EspalierError('EngineStopped', { reason: 'it was closed' }));
    await worker.terminate();
  };
  const onAbort = () => void terminate();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await ready;
  } catch (error) {
    await worker.terminate();
    options.signal?.throwIfAborted();
    throw error;
  }

  const ask = ({ batch, adapter, into, kind }: Omit<EngineRequest, 'id'>): Promise<EngineAnswer> =>
    new Promise((resolve, reject) => {
      if (stopped) return reject(stopped);
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      // Shared memory goes over as it is and is copied by the thread; a private vector may change while we wait.
      const shared = adapter.buffer instanceof SharedArrayBuffer;
      const sent = shared ? adapter : adapter.slice();
      const request: EngineRequest = { id, kind, batch, adapter: sent, into };
      const transferred = [...(shared ? [] : [sent]), ...(into ? [into] : [])];
      worker.postMessage(
        request,
        transferred.map(({ buffer }) => buffer as ArrayBuffer),
      );
    });

  return {
    leaf: async (batch, adapter, into) => {
      const answer = await ask({ kind: 'leaf', batch, adapter, into });
      return (answer as Extract<EngineAnswer, { kind: 'leaf' }>).vector;
    },
    loss: async (batch, adapter) => {
      const answer = await ask({ kind: 'loss', batch, adapter });
      return (answer as Extract<EngineAnswer, { kind: 'loss' }>).loss;
    },
    close: async () => {
      options.signal?.removeEventListener('abort', onAbort);
      await terminate();
    },
  };
}

function settle(waiting: Map<number, Waiting>, answer: Exclude<EngineAnswer, { kind: 'ready' }>): void {
  const id = answer.id!;
  const entry = waiting.get(id);
  waiting.delete(id);
  if (answer.kind === 'failed') entry?.reject(toError(answer.failure));
  else entry?.resolve(answer);
}

const toError = (failure: Failure): Error =>
  failure.coded
    ? new EspalierError(failure.name, failure.facts as never)
    : new EspalierError('EngineStopped', { reason: failure.message });
