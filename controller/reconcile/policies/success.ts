import type { Policy } from '../decide.js';
import { endOf } from '../world.js';

/** A worker has read back the final manifest: it told so, or ended with 0, which means nothing else. */
export const success: Policy = ({ live, workerPods }) => {
  if (live.published) return { kind: 'complete', ...live.published };
  for (const pod of workerPods) {
    const end = endOf(pod);
    if (end?.exitCode !== 0) continue;
    const { verdict } = end;
    return verdict?.outcome === 'published'
      ? { kind: 'complete', url: verdict.url, adapterSha256: verdict.adapterSha256 }
      : { kind: 'complete' };
  }
  return undefined;
};
