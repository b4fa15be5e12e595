import { parentPort, workerData } from 'node:worker_threads';
import { EspalierError } from '../../api/errors.js';
import { createMicroBatchFeeds } from '../model/graph/inputs.js';
import type { MicroBatch, MicroBatchShape } from './engine.js';
import { typedFeeds, withoutEmptyChunks } from './feeds.js';
import { probeDenormals } from './probe.js';
import type { EngineAnswer, EngineRequest, Failure } from './protocol.js';
import { openLayered } from './strategy/layered.js';
import type { EngineSetup, Feeds, OpenStrategy, Strategy, StrategyName } from './strategy/strategy.js';
import { openWhole } from './strategy/whole.js';

/** The thread of one engine: `session.run` blocks, so it blocks here. Requests are answered one after the other. */
const strategies: Readonly<Record<StrategyName, OpenStrategy>> = { whole: openWhole, layered: openLayered };

interface Opened {
  readonly strategy: Strategy;
  readonly trainingFeeds: (batch: MicroBatch) => Feeds;
  readonly evaluationFeeds: (batch: MicroBatch) => Feeds;
}

function serve(setup: EngineSetup, post: (answer: EngineAnswer, transfer?: ArrayBuffer[]) => void) {
  const opened = new Map<string, Opened>();
  const copied = new Float32Array(setup.layout.length);
  const forShape = (shape: MicroBatchShape): Opened => {
    const key = `${shape.rows}x${shape.tokens}`;
    const known = opened.get(key) ?? openShape(setup, shape);
    opened.set(key, known);
    return known;
  };
  return async ({ id, kind, batch, adapter, into }: EngineRequest): Promise<void> => {
    try {
      const { strategy, trainingFeeds, evaluationFeeds } = forShape(batch.shape);
      const shared = adapter.buffer instanceof SharedArrayBuffer;
      if (shared) copied.set(adapter);
      const own = shared ? copied : adapter;
      if (kind === 'loss') {
        post({ kind, id, loss: await strategy.loss(evaluationFeeds(batch), own) });
        return;
      }
      const vector = into?.fill(0) ?? new Float32Array(setup.layout.length);
      await strategy.leaf(trainingFeeds(batch), own, vector);
      post({ kind, id, vector }, [vector.buffer as ArrayBuffer]);
    } catch (error) {
      post({ kind: 'failed', id, failure: asData(error) });
    }
  };
}

function openShape(setup: EngineSetup, shape: MicroBatchShape): Opened {
  const { base, device, headChunk, method, seed } = setup;
  const ready = (feeds: Feeds): Feeds => (device === 'cpu' ? feeds : withoutEmptyChunks(feeds, headChunk));
  const training = createMicroBatchFeeds(base.spec, shape, headChunk, { method, seed });
  const evaluation = createMicroBatchFeeds(base.spec, shape, headChunk);
  return {
    strategy: strategies[setup.strategy](setup, shape),
    trainingFeeds: (batch) => ready(typedFeeds(training(batch))),
    evaluationFeeds: (batch) => ready(typedFeeds(evaluation(batch))),
  };
}

const asData = (error: unknown): Failure =>
  error instanceof EspalierError
    ? { coded: true, name: error.name, facts: error.facts }
    : { coded: false, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };

const port = parentPort;
if (port) {
  const post = (answer: EngineAnswer, transfer: ArrayBuffer[] = []) => port.postMessage(answer, transfer);
  const setup = workerData as EngineSetup;
  probeDenormals(setup.device).then(
    () => {
      const handle = serve(setup, post);
      let queue = Promise.resolve();
      port.on('message', (request: EngineRequest) => {
        queue = queue.then(() => handle(request));
      });
      post({ kind: 'ready' });
    },
    (error: unknown) => post({ kind: 'failed', id: null, failure: asData(error) }),
  );
}
