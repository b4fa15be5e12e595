import type { FineTuneJobStatus } from '../../api/sections/status.js';

/** One worker as people ask for it. */
export interface WorkerLine {
  readonly uid: string;
  readonly name: string;
  readonly node: string;
  readonly isJoined: boolean;
  /** When it said something last; undefined = not yet. */
  readonly heardAtMs?: number | undefined;
}

const mostWorkers = 8;
const longest = 512;

/**
 * What `kubectl describe` shows first, in the order in which people ask: describe sorts fields by name and cannot format, so
 * the lines are written for it, as the columns of `kubectl get` are. Each line says what the fields below say.
 */
export function aboutLines(status: FineTuneJobStatus, workers: readonly WorkerLine[]): string[] {
  return [
    stateLine(status),
    ...progressLine(status),
    ...checkpointLine(status),
    ...workerLines(status, workers),
    ...dataLines(status),
    ...settingLines(status),
    ...artifactLine(status),
    ...costLine(status),
  ].map((line) => (line.length > longest ? `${line.slice(0, longest - 3)}...` : line));
}

function stateLine({ state = 'Pending', conditions }: FineTuneJobStatus): string {
  const ready = conditions?.find(({ type }) => type === 'Ready');
  const reason = ready?.reason ?? '';
  const next = nextAction(state, reason);
  const why = reason === '' || reason === state ? (ready?.message ?? '') : `${reason}, ${ready?.message ?? ''}`;
  return [`State: ${state}`, ...(why ? [`: ${why}`] : []), ...(next ? [`. Next: ${next}`] : [])].join('');
}

/** What somebody can do about it; messages of errors bring their own remedy. */
function nextAction(state: string, reason: string): string | undefined {
  const byReason: Readonly<Record<string, string>> = {
    Unschedulable: 'add nodes that fit, or make another job that asks for less in workers.resources',
    ImagePullBackOff: 'check workers.image, the registry and its pull secrets',
    QuotaExceeded: "raise the namespace's quota, or scale workers.replicas down",
    QueueNotFound: 'install Kueue and make the LocalQueue, or leave out the queue label',
    QueueWaiting: 'nothing: the queue admits it when there is room',
    VolumePending: 'check the PersistentVolumeClaims and Secrets that the job names',
    BelowMinReplicas: 'add nodes, or scale minReplicas down',
    NameTaken: 'remove or rename that object',
  };
  const byState: Readonly<Record<string, string>> = {
    Suspended: 'set spec.suspend to false',
    Complete: 'use the adapter; README.md beside it has a command per server',
    Failed: 'mend the cause and make the job again; espalier logs NAME has the last words',
  };
  return byReason[reason] ?? byState[state];
}

function progressLine({ progress, summary }: FineTuneJobStatus): string[] {
  if (!progress?.steps) return [];
  const { step = 0, steps, loss, evalLoss, tokensPerSecond, etaSeconds } = progress;
  const parts = [
    `step ${step} of ${steps} (${Math.floor((100 * step) / steps)} %)`,
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(evalLoss === undefined ? [] : [`evaluation ${evalLoss.toFixed(4)}`]),
    ...(summary?.best ? [`best ${summary.best}`] : []),
    ...(tokensPerSecond === undefined ? [] : [`${Math.round(tokensPerSecond)} tokens/s`]),
    ...(etaSeconds && summary?.eta ? [`about ${summary.eta} left`] : []),
  ];
  return [`Progress: ${parts.join(', ')}`];
}

const checkpointLine = ({ lastCheckpoint }: FineTuneJobStatus): string[] =>
  lastCheckpoint ? [`Last checkpoint: step ${lastCheckpoint.step} at ${lastCheckpoint.time}`] : [];

function workerLines({ workers, summary }: FineTuneJobStatus, lines: readonly WorkerLine[]): string[] {
  if (!workers) return [];
  const shown = lines.slice(0, mostWorkers).map(({ name, node, isJoined, heardAtMs }) => {
    const facts = [
      node === '' ? 'no node yet' : `on ${node}`,
      isJoined ? 'trains' : 'not joined',
      ...(heardAtMs === undefined ? [] : [`heard at ${timeText(heardAtMs)}`]),
    ];
    return `Worker ${name}: ${facts.join(', ')}`;
  });
  const more = lines.length - shown.length;
  const view = workers.view === undefined ? '' : `, view ${workers.view}`;
  const deaths = Number(summary?.restarts ?? 0) > 0 ? `, ${summary?.restarts} deaths in all` : '';
  return [
    `Workers: ${summary?.workers ?? `${workers.ready ?? 0}`} train${view}${deaths}`,
    ...shown,
    ...(more > 0 ? [`and ${more} more workers: espalier status NAME shows them all`] : []),
  ];
}

function dataLines({ data }: FineTuneJobStatus): string[] {
  if (!data) return [];
  const { rows, used, tokens, supervisedTokens, truncatedPercent, evaluationRows, duplicates, contaminated } = data;
  const parts = [
    `${used} of ${rows} rows used`,
    `${tokens} tokens (${supervisedTokens} learned)`,
    `${truncatedPercent} % truncated`,
    `${evaluationRows} rows held out`,
    ...(duplicates > 0 ? [`${duplicates} repeated`] : []),
    ...(contaminated > 0 ? [`${contaminated} held-out rows are training rows too`] : []),
  ];
  return [
    `Data: ${parts.join(', ')}`,
    ...data.dropped.map((one) => `Left out: ${one.rows} rows: ${one.reason}${one.example ? ` (${one.example})` : ''}`),
  ];
}

/** As many lines as it takes, four at most. */
function settingLines({ resolved }: FineTuneJobStatus): string[] {
  const lines: string[] = [];
  for (const setting of resolved?.settings ?? []) {
    const last = lines.at(-1);
    if (last === undefined || last.length + setting.length + 2 > longest) lines.push(`Settings: ${setting}`);
    else lines[lines.length - 1] = `${last}, ${setting}`;
  }
  return lines.slice(0, 4);
}

const artifactLine = ({ artifact, adapterSha256 }: FineTuneJobStatus): string[] =>
  artifact ? [`Artifact: ${artifact}${adapterSha256 ? ` adapter sha256 ${adapterSha256}` : ''}`] : [];

const costLine = ({ cost }: FineTuneJobStatus): string[] =>
  cost?.total
    ? [
        `Cost: ${cost.total} so far${cost.estimate ? `, about ${cost.estimate} in all (estimated after step ${cost.estimatedAtStep})` : ''}`,
      ]
    : [];

const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
