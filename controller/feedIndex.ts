import { byCodeUnit } from '../common/hash.js';
import type { JobEventInput } from '../proto/generated/espalier/v1/JobEvent.js';
import type { JobKey, Live } from './cluster/cluster.js';
import type { RecordedEvent } from './cluster/kube/eventRecorder.js';
import type { FineTuneJobObject, V1Pod } from './cluster/kube/objects.js';
import type { ControllerOptions } from './controller.js';
import type { JobIndex } from './query/jobIndex.js';
import { isEnded } from './reconcile/world.js';
import { labels } from './resources/names.js';
import { isWorker } from './resources/workerJob.js';

/** Everything that the status service answers with comes this way: resources, pods, events, and what workers tell. */
export const feedIndex = (
  index: JobIndex,
): Required<Pick<ControllerOptions, 'onWorkerEvent' | 'onJob' | 'onEvents' | 'onBegin'>> => ({
  onWorkerEvent: (key, pod, event) => index.observe(key, pod, event),
  onJob: (key, job, live, pods) => tellIndex(index, key, job, { live, pods }),
  onEvents: (key, uid, events) => index.setEvents(key, events.map(eventMessage), uid),
  onBegin: (key) => index.startOver(key),
});

function tellIndex(
  index: JobIndex,
  key: JobKey,
  job: FineTuneJobObject | undefined,
  { live, pods }: { readonly live: Live; readonly pods: readonly V1Pod[] },
): void {
  if (!job?.metadata?.uid) {
    index.remove(key);
    return;
  }
  const { uid, generation = 0, creationTimestamp } = job.metadata;
  index.put({ ...key, uid, generation, createdMs: new Date(creationTimestamp ?? 0).getTime(), status: job.status });
  const joined = new Set(live.view?.members.filter((member) => member.joined).map(({ id }) => id));
  index.setWorkers(
    key,
    pods
      .filter((pod) => isWorker(pod) && pod.metadata?.labels?.[labels.jobUid] === uid && !isEnded(pod))
      .map(({ metadata, spec }) => ({
        uid: metadata?.uid ?? '',
        id: metadata?.name ?? '',
        node: spec?.nodeName ?? '',
        joined: joined.has(metadata?.uid ?? ''),
      }))
      .sort((a, b) => byCodeUnit(a.id, b.id)),
  );
}

const eventMessage = ({ type, reason, message, count, firstMs, lastMs }: RecordedEvent): JobEventInput => ({
  timeMs: lastMs,
  type,
  reason,
  message,
  count,
  firstMs,
});
