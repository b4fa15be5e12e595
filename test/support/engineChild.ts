import { createEngine } from '../../worker/engine/createEngine.js';
import type { Provider } from '../../worker/engine/ops/define.js';
import { tinyBatch, tinyModel } from './tinyModel.js';

/** A process of its own that computes one leaf of the tiny model on the device it is told, and sends the vector. */
process.once('message', async ({ device, padding }: { device: Provider; padding: number }) => {
  await using model = await tinyModel({ device });
  const engine = await createEngine(model.setup);
  const vector = await engine.leaf(tinyBatch({ rows: 2, tokens: 24 }, { padding }), model.adapter);
  await engine.close();
  process.send!(Array.from(vector), () => process.disconnect());
});
