import { buildLossGraph, buildTrainingGraph } from '../../model/graph/training.js';
import { compile, gradientOutput, trainingGraph } from '../program.js';
import { createSession } from '../session.js';
import { lazily, lossPart, type OpenStrategy, partsOf } from './strategy.js';

/** The whole model forward and backward in one session: fastest, keeps the activations of all layers. */
export const openWhole: OpenStrategy = (setup, shape) => {
  const { base, layout, device: provider } = setup;
  const { directory } = base;
  const options = { ...setup, ...base, shape };
  const training = lazily(() => {
    const { graph, loss, wanted } = buildTrainingGraph(options);
    return createSession(compile(trainingGraph(graph, loss, wanted), provider), { provider, directory });
  });
  const evaluation = lazily(() =>
    createSession(compile(buildLossGraph(options).graph, provider), { provider, directory }),
  );
  return {
    async leaf(feeds, adapter, result) {
      const gradients = Object.entries(partsOf(layout, result)).map(([name, part]) => [gradientOutput(name), part]);
      const results = { ...Object.fromEntries(gradients), loss: lossPart(layout, result) };
      await (await training.get()).run({ ...feeds, ...partsOf(layout, adapter) }, results);
    },
    async loss(feeds, adapter) {
      const loss = new Float32Array(1);
      const results = { loss: { dtype: 'float32', shape: [], data: loss } } as const;
      await (await evaluation.get()).run({ ...feeds, ...partsOf(layout, adapter) }, results);
      return loss[0]!;
    },
    async close() {
      await training.close();
      await evaluation.close();
    },
  };
};
