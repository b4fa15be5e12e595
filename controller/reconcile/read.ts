import { EspalierError } from '../../api/errors.js';
import { apiVersion, type FineTuneJob, kind } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import type { Live, Observed } from '../cluster/cluster.js';
import type { FineTuneJobObject, KubernetesObject } from '../cluster/kube/objects.js';
import { readJobConfigMap, readRecipeConfigMap, textOfJob } from '../resources/configMaps.js';
import { childNames, isOwnedBy, labels } from '../resources/names.js';
import { isPreflight, triesOf } from '../resources/preflightPod.js';
import { attemptOf, isWorker } from '../resources/workerJob.js';
import type { Settings } from '../settings.js';
import { type ParseJob, parseAnew } from './parsedJobs.js';
import type { World } from './world.js';

/** What was observed, sorted into what it means. Pure. */
export function worldOf(
  observed: Observed,
  live: Live,
  settings: Settings,
  nowMs: number,
  parse: ParseJob = parseAnew,
): World {
  const { job: object } = observed;
  const { namespace = '', name = '', uid = '', generation = 0, deletionTimestamp } = object.metadata ?? {};
  const mine = <T extends KubernetesObject>(all: readonly T[]): readonly T[] => all.filter((item) => isMine(item, uid));
  const maps = mine(observed.configMaps);
  const resolved = maps.find((map) => map.metadata?.name === childNames.job(name));
  const recipe = maps.find((map) => map.metadata?.name === childNames.recipe(name));
  const pods = observed.pods.filter(({ metadata }) => metadata?.labels?.[labels.jobUid] === uid);
  const foreign = [...observed.configMaps, ...observed.jobs]
    .filter((item) => !isMine(item, uid))
    .map((item) => ({ kind: 'data' in item ? 'ConfigMap' : 'Job', name: item.metadata?.name ?? '' }));
  return {
    nowMs,
    owner: { namespace, name, uid },
    generation,
    isBeingDeleted: deletionTimestamp !== undefined,
    status: object.status ?? {},
    job: jobOf(
      object,
      resolved && parse(uid, 'resolved', textOfJob(resolved), () => readJobConfigMap(resolved)),
      parse,
    ),
    observed,
    live,
    settings,
    isResolved: resolved !== undefined,
    recipe: recipe && readRecipeConfigMap(recipe),
    preflights: mine(pods.filter(isPreflight)).toSorted((a, b) => triesOf(a) - triesOf(b)),
    attempts: mine(observed.jobs).toSorted((a, b) => attemptOf(a) - attemptOf(b)),
    // Owned by the Job, not by us; the label carries our uid.
    workerPods: pods.filter(isWorker),
    foreign,
  };
}

const isMine = (object: KubernetesObject, uid: string): boolean => isOwnedBy(object, uid);

/** The job on record, with the fields that may change taken from the resource. */
function jobOf(object: FineTuneJobObject, resolved: FineTuneJob | undefined, parse: ParseJob): World['job'] {
  const { uid = '', name, labels: ownLabels, annotations } = object.metadata ?? {};
  const metadata = { name, ...(ownLabels && { labels: ownLabels }), ...(annotations && { annotations }) };
  try {
    const written = parse(uid, 'written', JSON.stringify([metadata, object.spec]), () =>
      checkJob({ apiVersion, kind, metadata, spec: object.spec }, { file: `FineTuneJob ${name}` }),
    );
    if (!resolved) return written;
    const { suspend, activeDeadlineSeconds, ttlSecondsAfterFinished, workers } = written.spec;
    const { replicas, minReplicas, maxReplicas } = workers;
    const { activeDeadlineSeconds: _, ttlSecondsAfterFinished: __, ...fixed } = resolved.spec;
    return {
      ...resolved,
      spec: {
        ...fixed,
        suspend,
        ...(activeDeadlineSeconds !== undefined && { activeDeadlineSeconds }),
        ...(ttlSecondsAfterFinished !== undefined && { ttlSecondsAfterFinished }),
        workers: { ...resolved.spec.workers, replicas, minReplicas, maxReplicas },
      },
    };
  } catch (error) {
    if (EspalierError.is(error, 'JobInvalid')) return { invalid: error };
    throw error;
  }
}
