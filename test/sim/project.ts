import type { Scenario } from './scenario.js';
import type { Simulated } from './simulate.js';

/**
 * What would be changed for thousands of workers, computed from what was simulated, not simulated itself:
 * - tree broadcast: an owner sends its reduced shard to two others, who send it on. Its network card then carries two copies
 *   instead of W - 1, and the last one has it after log2 W hops.
 * - hierarchical owners: members form groups of about sqrt W; statuses and partial sums stay in a group, whose head speaks
 *   for it. A worker hears 2 sqrt W instead of W others, and an owner takes sqrt W partial sums instead of W.
 */
export function withTreesAndGroups(scenario: Scenario, simulated: Simulated): number {
  const { workers, leavesPerWorker, leafMs, adapterBytes, shards, bytesPerMs, statusMs, latencyMs, jitterMs } =
    scenario;
  const idealMs = leavesPerWorker * leafMs;
  const measuredMs = idealMs / simulated.goodput;
  const copyMs = adapterBytes / shards / bytesPerMs;
  const hopMs = latencyMs + jitterMs / 2 + copyMs;
  const group = Math.sqrt(workers);
  const nowMs = 2 * (workers - 1) * copyMs + simulated.statusesPerWorkerAndStep * statusMs;
  const thenMs =
    (2 + group) * copyMs +
    2 * Math.log2(workers) * hopMs +
    (2 * group * simulated.statusesPerWorkerAndStep * statusMs) / (workers - 1);
  // Statuses overlap with computing as long as they leave the thread idle: nothing is saved that was not lost.
  const lostMs = Math.max(0, measuredMs - idealMs);
  return idealMs / (measuredMs - Math.min(lostMs, Math.max(0, nowMs - thenMs)));
}
