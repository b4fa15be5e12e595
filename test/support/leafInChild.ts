import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Provider } from '../../worker/engine/ops/define.js';

/** One leaf of the tiny model, computed in another process. */
export function leafInChild(
  device: Provider,
  { env = {}, padding = 0 }: { env?: Readonly<Record<string, string>>; padding?: number } = {},
): Promise<Float32Array> {
  const child = fork(fileURLToPath(new URL('./engineChild.js', import.meta.url)), {
    env: { ...process.env, ...env },
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('message', (vector) => resolve(Float32Array.from(vector as number[])));
    child.once('exit', (code, signal) => reject(new Error(`the child ended with ${code ?? signal}: ${errors}`)));
    child.send({ device, padding });
  });
}
