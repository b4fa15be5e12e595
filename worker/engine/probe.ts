import { fail } from '../../api/errors.js';
import { GraphBuilder } from './ir/builder.js';
import type { Provider } from './ops/define.js';
import { ops } from './ops/index.js';
import { compile } from './program.js';
import { createSession } from './session.js';

const tiny = Math.fround(1e-40);
const half = Math.fround(5e-41);

/** Multiplies a float32 by a half, on the device. */
type Halve = (provider: Provider, value: number) => Promise<number>;

/**
 * Opens the provider on a graph of one node and checks that denormal numbers survive in JavaScript and, on a CPU, in
 * ONNX Runtime: a library that switched the CPU to flush-to-zero would change bits. (GPUs differ by class and flush as they do.)
 */
export async function probeDenormals(provider: Provider, halve: Halve = halveOn): Promise<void> {
  if (Math.fround(tiny * 0.5) !== half) fail('DenormalsFlushed', { where: 'JavaScript' });
  const result = await halve(provider, tiny);
  if (provider === 'cpu' && result !== half) fail('DenormalsFlushed', { where: 'ONNX Runtime' });
}

const halveOn: Halve = async (provider, value) => {
  const b = new GraphBuilder(ops);
  b.output('y', b.mul(b.input('x', 'float32', [1]), b.input('factor', 'float32', [1])));
  const session = await createSession(compile(b.build(), provider), { provider });
  const [x, factor, y] = [value, 0.5, 0].map((number) => ({
    dtype: 'float32' as const,
    shape: [1],
    data: Float32Array.of(number),
  }));
  await session.run({ x: x!, factor: factor! }, { y: y! });
  await session.close();
  return y!.data[0] as number;
};
