import type { Scenario, Simulated } from './simulate.js';

/**
 * Beyond what is simulated: the two costs that grow with the number of workers W, on top of what was measured at W0.
 * - An owner sends its reduced shards to everybody: (W - 1) shard sizes through one network card, K owners side by side.
 * - Everybody hears everybody: statuses in a worker and step grow with W, and so does what each costs; W^2 of what was measured.
 */
export function projected(
  workers: number,
  { workers: simulated, leavesPerWorker, leafMs, adapterBytes, shards, bytesPerMs }: Scenario,
  { goodput, protocolMsPerWorkerAndStep }: Simulated,
): { readonly workers: number; readonly goodput: number } {
  const idealMs = leavesPerWorker * leafMs;
  const measuredMs = idealMs / goodput;
  const broadcastMs = (count: number) => (count * adapterBytes) / shards / bytesPerMs;
  const protocolMs = (count: number) => protocolMsPerWorkerAndStep * (count / simulated) ** 2;
  const addedMs = broadcastMs(workers) - broadcastMs(simulated) + protocolMs(workers) - protocolMs(simulated);
  // Failures grow with the workers too: their share of the loss is proportional.
  const lossMs = Math.max(0, measuredMs - idealMs) * (workers / simulated - 1);
  return { workers, goodput: idealMs / (measuredMs + addedMs + lossMs) };
}
