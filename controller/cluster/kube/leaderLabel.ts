import { group } from '../../../api/fineTuneJob.js';
import type { KubeClient, Reference } from './client.js';
import { resources } from './resources.js';

/**
 * The Service selects the leader's pod by this label, so that standbys can be ready without being asked. Taken off at every
 * start: a container that lost the lease is started again in the same pod.
 */
export async function labelLeader(
  client: KubeClient,
  pod: Reference,
  leads: boolean,
  signal: AbortSignal,
): Promise<void> {
  const labels = { [`${group}/leader`]: leads ? 'true' : null };
  await client.merge(resources.pods, pod, { metadata: { labels } }, signal);
}
