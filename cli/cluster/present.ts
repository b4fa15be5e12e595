import type { JobMessage } from '../../controller/query/jobs.js';
import type { JobStateEvent } from '../events.js';
import { countText, durationText, lossText } from '../render/units.js';

/** States that no more changes follow, and one that waits for a person. */
export const finishedStates: readonly string[] = ['Complete', 'Failed'];
export const hopelessStates: readonly string[] = ['Failed', 'Stalled'];

export const stateEvent = (change: JobStateEvent['change'], job: JobMessage): JobStateEvent => ({
  event: 'job',
  change,
  namespace: job.namespace,
  name: job.name,
  state: job.state,
  reason: job.reason ?? '',
  message: job.message ?? '',
  step: Number(job.progress?.step ?? 0),
  steps: Number(job.progress?.steps ?? 0),
  loss: lossOf(job),
});

export function lossOf({ progress }: JobMessage): number | null {
  const loss = progress?.last?.loss;
  return loss === undefined || Number.isNaN(Number(loss)) ? null : Number(loss);
}

/** `NAMESPACE NAME STATE PROGRESS LOSS ETA WORKERS AGE REASON`: the columns of kubectl get, in one table. */
export function table(jobs: readonly JobMessage[], nowMs: number): string[] {
  const rows = jobs.map((job) => {
    const { namespace, name, state, progress, reason, createdMs } = job;
    const loss = lossOf(job);
    const workers = job.workers ?? [];
    const eta = Number(progress?.remainingSeconds ?? 0);
    return [
      namespace,
      name,
      state,
      Number(progress?.steps ?? 0) > 0 ? `${progress?.step}/${progress?.steps}` : '-',
      loss === null ? '-' : lossText(loss),
      eta > 0 ? durationText(eta) : '-',
      workers.length > 0 ? `${workers.filter(({ joined }) => joined).length}/${workers.length}` : '-',
      durationText(Math.max(0, nowMs - Number(createdMs ?? nowMs)) / 1000),
      reason || '-',
    ];
  });
  const all = [['NAMESPACE', 'NAME', 'STATE', 'PROGRESS', 'LOSS', 'ETA', 'WORKERS', 'AGE', 'REASON'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()); // biome-ignore format: one thought
}

/** What `espalier status` tells, most important first. */
export function statusLines(job: JobMessage): string[] {
  const { progress } = job;
  const last = progress?.last;
  const loss = lossOf(job);
  const eta = Number(progress?.remainingSeconds ?? 0);
  const why = [job.reason, job.message].filter(Boolean).join(': ');
  return [
    [job.state, ...(why ? [why] : [])].join('  '),
    ...(Number(progress?.steps ?? 0) > 0
      ? [
          [
            `step ${progress?.step}/${progress?.steps}`,
            ...(loss === null ? [] : [`loss ${lossText(loss)}`]),
            ...(last?.evaluationLoss === undefined ? [] : [`eval ${lossText(Number(last.evaluationLoss))}`]),
            ...(last?.tokensPerSecond ? [`${countText(Number(last.tokensPerSecond))} tok/s`] : []),
            ...(eta > 0 ? [`ETA ${durationText(eta)}`] : []),
          ].join('  '),
        ]
      : []),
    ...section(
      'worker',
      job.workers,
      ({ id, node, joined }) => `${id}${node ? ` on ${node}` : ''}${joined ? '' : ', not joined'}`,
    ),
    ...section('checkpoint', job.checkpoints?.slice(-3), ({ step, url }) => `step ${step}${url ? ` ${url}` : ''}`),
    ...section(
      'artifact',
      job.artifacts,
      ({ kind, url, sha256 }) => `${kind} ${url}${sha256 ? ` sha256:${sha256}` : ''}`,
    ),
    ...section(
      'event',
      job.events?.slice(-10),
      ({ timeMs, reason, message }) => `${new Date(Number(timeMs)).toISOString()} ${reason}: ${message}`,
    ),
    ...(job.recipeHash ? [`recipe ${job.recipeHash}`] : []),
  ];
}

const section = <T>(name: string, items: readonly T[] | undefined, line: (item: T) => string): string[] =>
  (items ?? []).map((item) => `${name} ${line(item)}`);
