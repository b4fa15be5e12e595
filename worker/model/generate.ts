import { availableParallelism } from 'node:os';
import { fail } from '../../api/errors.js';
import type { Logger } from '../../common/log.js';
import type { Provider } from '../engine/ops/define.js';
import type { Base } from './base.js';
import type { GeneratorAdapter } from './generate/messages.js';
import { type GeneratorThread, startThread } from './generate/startThread.js';
import type { ModelSpec } from './spec.js';

export type { GeneratorAdapter } from './generate/messages.js';

export interface GeneratorOptions {
  /** Null = the bare base. */
  readonly adapter?: GeneratorAdapter | null;
  readonly device: Provider;
  /** Threads that share the prompts, each with one-thread sessions on the shared weights. */
  readonly threads?: number;
  readonly log: Logger;
}

export interface GenerateOptions {
  readonly maxTokens: number;
  /** Tokens that end an answer; they are not part of it. */
  readonly stopIds: readonly number[];
  readonly signal?: AbortSignal;
}

/** A base, with an adapter or without, that answers. */
export interface Generator {
  /** The greedy continuation of each prompt, all of them batched; the same tokens as for each prompt alone. */
  generate(prompts: readonly Int32Array[], options: GenerateOptions): Promise<Int32Array[]>;
  /** Logits of every position of one sequence, [ids.length, vocabSize] row-major. */
  logits(ids: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Threads start with the first request. RoPE scalings that depend on the length (`dynamic`, `longrope`) take each prompt's
 * length plus `maxTokens`, so that keys in the cache stay valid.
 */
export function createGenerator(base: Base, { adapter = null, device, threads, log }: GeneratorOptions): Generator {
  const { directory, spec, tensors } = base;
  const limit = threads ?? availableParallelism();
  const running: GeneratorThread[] = [];
  const atLeast = (count: number): readonly GeneratorThread[] => {
    while (running.length < count) running.push(startThread({ directory, spec, tensors, adapter, provider: device }));
    return running.slice(0, count);
  };

  return {
    async generate(prompts, { maxTokens, stopIds, signal }) {
      signal?.throwIfAborted();
      prompts.forEach((prompt, index) => {
        checkPrompt(spec, prompt, index);
      });
      const parts = share(prompts, Math.min(limit, prompts.length));
      const cancelled = new Int32Array(new SharedArrayBuffer(4));
      const cancel = (): void => {
        Atomics.store(cancelled, 0, 1);
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const startedMs = performance.now();
      try {
        const answers = await allSettled(
          atLeast(parts.length).map((thread, i) =>
            thread.call({
              kind: 'generate',
              prompts: parts[i]!.map((index) => prompts[index]!),
              maxTokens,
              stopIds,
              cancelled,
            }),
          ),
        );
        const inOrder: Int32Array[] = [];
        parts.forEach((indices, i) => {
          indices.forEach((index, place) => {
            inOrder[index] = (answers[i] as readonly Int32Array[])[place]!;
          });
        });
        const tokens = inOrder.reduce((sum, answer) => sum + answer.length, 0);
        const tookMs = Math.round(performance.now() - startedMs);
        log.debug('generated', { prompts: prompts.length, tokens, tookMs, threads: parts.length });
        return inOrder;
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      } finally {
        signal?.removeEventListener('abort', cancel);
      }
    },
    async logits(ids) {
      checkPrompt(spec, ids, 0);
      return (await atLeast(1)[0]!.call({ kind: 'logits', ids })) as Float32Array;
    },
    async close() {
      await Promise.all(running.splice(0).map((thread) => thread.close()));
    },
  };
}

/** Waits for all, so that no thread is still at work when one has failed; then throws the first failure. */
async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** Deals prompts of like length to all threads alike: indices per thread. */
function share(prompts: readonly Int32Array[], threads: number): number[][] {
  const order = prompts.map((_, index) => index).sort((a, b) => prompts[a]!.length - prompts[b]!.length);
  return Array.from({ length: threads }, (_, thread) => order.filter((_index, place) => place % threads === thread));
}

function checkPrompt({ vocabSize }: ModelSpec, prompt: Int32Array, index: number): void {
  if (prompt.length === 0) fail('PromptInvalid', { index, reason: 'it has no tokens' });
  const foreign = prompt.find((id) => id < 0 || id >= vocabSize);
  if (foreign !== undefined)
    fail('PromptInvalid', { index, reason: `token ${foreign} is outside of the base's vocabulary of ${vocabSize}` });
}
