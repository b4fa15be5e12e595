import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { EspalierError } from '../../../api/errors.js';
import { tensorIn } from '../../adapter/layout.js';
import type { Graph } from '../../engine/ir/graph.js';
import { compile } from '../../engine/program.js';
import { createSession, type Feed, type Session } from '../../engine/session.js';
import { buildDecodeGraph } from '../graph/decode.js';
import type { AdaptedModel } from '../graph/decoder.js';
import { createPositionFeeds, float32 } from '../graph/inputs.js';
import { buildLogitsGraph } from '../graph/logits.js';
import { generateGreedily } from './greedy.js';
import type { ThreadData, ThreadRequest, ThreadResponse, ThreadResult } from './messages.js';
import type { DecodeModel } from './step.js';

/** Entry of a generator's thread: answers one request after the other. A run of the model blocks this thread alone. */
if (parentPort) serve(parentPort, workerData as ThreadData);

function serve(port: MessagePort, data: ThreadData): void {
  const answerer = createAnswerer(data);
  let queue: Promise<void> = Promise.resolve();
  port.on('message', (request: ThreadRequest) => {
    queue = queue.then(() => respond(port, answerer, request));
  });
}

async function respond(
  port: MessagePort,
  answer: (request: ThreadRequest) => Promise<ThreadResult>,
  request: ThreadRequest,
): Promise<void> {
  try {
    const result = await answer(request);
    port.postMessage({ id: request.id, kind: 'done', result } satisfies ThreadResponse);
  } catch (error) {
    const coded = error instanceof EspalierError ? error : null;
    const reason = error instanceof Error ? error.message : String(error);
    const [name, facts] = [coded?.name ?? null, coded?.facts];
    port.postMessage({ id: request.id, kind: 'failed', name, facts, reason } satisfies ThreadResponse);
  }
  if (request.kind === 'close') port.close();
}

function createAnswerer({ directory, spec, tensors, adapter, provider }: ThreadData) {
  const model: AdaptedModel = { spec, tensors, method: adapter?.method ?? null };
  const feeds = Object.fromEntries(
    (adapter?.layout.tensors ?? []).map((tensor): [string, Feed] => [
      tensor.name,
      float32(tensorIn(adapter!.vector, tensor), tensor.shape),
    ]),
  );
  const open = (graph: Graph): Promise<Session> => createSession(compile(graph, provider), { provider, directory });
  const sessions = new Map<string, Promise<Session>>();
  const decoding: DecodeModel = {
    spec,
    adapter: feeds,
    session(batch, tokens) {
      const key = `${batch} x ${tokens}`;
      const session = sessions.get(key) ?? open(buildDecodeGraph({ ...model, batch, tokens }));
      sessions.set(key, session);
      session.catch(() => sessions.delete(key));
      return session;
    },
  };

  return async (request: ThreadRequest): Promise<ThreadResult> => {
    switch (request.kind) {
      case 'generate': {
        const { cancelled } = request;
        const throwIfCancelled = (): void => {
          if (Atomics.load(cancelled, 0) !== 0) throw new Error('cancelled');
        };
        return generateGreedily(decoding, request.prompts, { ...request, throwIfCancelled });
      }
      case 'logits':
        return wholeLogits(model, open, feeds, request.ids);
      case 'close':
        for (const session of sessions.values()) await (await session).close();
        return null;
    }
  };
}

/** Queries per block, as in training. */
const attentionBlock = 64;

async function wholeLogits(
  model: AdaptedModel,
  open: (graph: Graph) => Promise<Session>,
  adapter: Readonly<Record<string, Feed>>,
  ids: Int32Array,
): Promise<Float32Array> {
  const { spec } = model;
  const shape = { rows: 1, tokens: ids.length };
  const session = await open(buildLogitsGraph({ ...model, shape, attentionBlock }));
  const logits = new Float32Array(ids.length * spec.vocabSize);
  try {
    const positions = Int32Array.from(ids.keys());
    const documents: Feed = { dtype: 'int32', data: new Int32Array(ids.length).fill(1), shape: [1, ids.length] };
    await session.run(
      { ...createPositionFeeds(spec, shape)({ ids, positions }), documents, ...adapter },
      { logits: float32(logits, [ids.length, spec.vocabSize]) },
    );
  } finally {
    await session.close();
  }
  return logits;
}
