import type { JobMessage } from '../../controller/query/jobs.js';
import type { JobWorkerInput } from '../../proto/generated/espalier/v1/JobWorker.js';
import type { JobStateEvent } from '../events.js';
import { bytesText, countText, durationText, lossText } from '../render/units.js';

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

/** `NAMESPACE NAME STATE PROGRESS LOSS EVAL ETA WORKERS AGE REASON`: the columns of kubectl get, in one table. */
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
      progress?.last?.evaluationLoss === undefined ? '-' : lossText(Number(progress.last.evaluationLoss)),
      eta > 0 ? durationText(eta) : '-',
      workers.length > 0 ? `${workers.filter(({ joined }) => joined).length}/${workers.length}` : '-',
      durationText(Math.max(0, nowMs - Number(createdMs ?? nowMs)) / 1000),
      reason || '-',
    ];
  });
  const all = [['NAMESPACE', 'NAME', 'STATE', 'PROGRESS', 'LOSS', 'EVAL', 'ETA', 'WORKERS', 'AGE', 'REASON'], ...rows];
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
            ...(last?.learningRate ? [`lr ${Number(last.learningRate).toPrecision(3)}`] : []),
            ...(last?.gradientNorm ? [`gradient norm ${Number(last.gradientNorm).toPrecision(3)}`] : []),
            ...(eta > 0 ? [`ETA ${durationText(eta)}`] : []),
          ].join('  '),
        ]
      : []),
    ...(job.best ? [`best evaluation ${lossText(Number(job.best.evaluationLoss))} at step ${job.best.step}`] : []),
    ...section('checkpoint', job.checkpoints?.slice(-3), ({ step, url }) => `step ${step}${url ? ` ${url}` : ''}`),
    ...section('worker', job.workers, workerText),
    ...(Number(job.restarts ?? 0) > 0 ? [`${job.restarts} workers died so far, attempt ${job.attempt}`] : []),
    ...dataLines(job.data),
    ...(job.resolved?.settings?.length ? [`settings ${job.resolved.settings.join(', ')}`] : []),
    ...section(
      'artifact',
      job.artifacts,
      ({ kind, url, sha256 }) => `${kind} ${url}${sha256 ? ` sha256:${sha256}` : ''}`,
    ),
    ...costLines(job.cost),
    ...section(
      'event',
      job.events?.slice(-10),
      ({ timeMs, reason, message, count }) =>
        `${new Date(Number(timeMs)).toISOString()} ${reason}: ${message}${Number(count ?? 1) > 1 ? ` (${count} times)` : ''}`,
    ),
    ...(job.recipeHash ? [`recipe ${job.recipeHash}`] : []),
  ];
}

const section = <T>(name: string, items: readonly T[] | undefined, line: (item: T) => string): string[] =>
  (items ?? []).map((item) => `${name} ${line(item)}`);

function workerText(worker: JobWorkerInput): string {
  const { id, node, joined, heardMs, computeMs, waitMs, peakRssBytes } = worker;
  const busyMs = Number(computeMs ?? 0);
  return [
    `${id}${node ? ` on ${node}` : ''}`,
    ...(joined ? [] : ['not joined']),
    ...(busyMs > 0 ? [`computes ${Math.round((100 * busyMs) / (busyMs + Number(waitMs ?? 0)))} % of its time`] : []),
    ...(Number(peakRssBytes ?? 0) > 0 ? [bytesText(Number(peakRssBytes))] : []),
    ...(Number(heardMs ?? 0) > 0 ? [`heard at ${new Date(Number(heardMs)).toISOString()}`] : []),
  ].join(', ');
}

const dataLines = (data: JobMessage['data']): string[] =>
  data
    ? [
        `data ${data.used} of ${data.rows} rows used, ${data.tokens} tokens (${data.supervisedTokens} learned), ${data.truncatedPercent} % truncated, ${data.evaluationRows} rows held out`,
        ...section(
          'left out',
          data.dropped,
          ({ rows, reason, example }) => `${rows} rows: ${reason}${example ? ` (${example})` : ''}`,
        ),
      ]
    : [];

const costLines = (cost: JobMessage['cost']): string[] =>
  cost?.total ? [`cost ${cost.total} so far${cost.estimate ? `, about ${cost.estimate} in all` : ''}`] : [];
