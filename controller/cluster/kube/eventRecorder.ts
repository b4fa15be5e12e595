import type { Clock } from '../../../common/clock.js';
import { sha256 } from '../../../common/hash.js';
import type { Logger } from '../../../common/log.js';
import type { JobEvent, JobKey } from '../cluster.js';
import type { KubeClient } from './client.js';
import type { CoreV1Event, FineTuneJobObject } from './objects.js';
import { resources } from './resources.js';

/** An event with how often it came; what the status service tells too. */
export interface RecordedEvent extends JobEvent {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

/** Events of jobs as `kubectl describe` shows them. */
export interface EventRecorder {
  /** Never throws: an event that is lost is no reason to do the rest again. */
  record(job: FineTuneJobObject, event: JobEvent, signal: AbortSignal): Promise<void>;
  /** Of one life of a job, oldest first. */
  eventsOf(uid: string): readonly RecordedEvent[];
  /** What an earlier controller has told, so that counts go on. */
  restore(namespace: string | undefined, signal: AbortSignal): Promise<void>;
  forget(uid: string): void;
  /** Writes what came too often to be written at once. Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onRecorded: (key: JobKey, uid: string) => void;
}

/** The same reason of the same job within this time is one Event with a count, as the API server's own clients do it. */
const sameWithinMs = 600_000;
/** An Event that is there already is written again no sooner than this. */
const patchEveryMs = 30_000;
const tickMs = 1000;
/** Of all jobs together. */
const mostPatchesPerTick = 10;
const mostPerJob = 64;

interface Kept {
  readonly key: JobKey;
  readonly uid: string;
  /** Of the Event object. */
  readonly name: string;
  event: RecordedEvent;
  writtenMs: number;
  isBehind: boolean;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  /** By UID of the job, oldest first. */
  readonly #kept = new Map<string, Kept[]>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  async record({ metadata }: FineTuneJobObject, event: JobEvent, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid = '', resourceVersion = '' } = metadata ?? {};
    const { client, clock, onRecorded } = this.#options;
    const key = { namespace, name };
    const nowMs = clock.now();
    const before = this.#list(uid).findLast(
      (kept) => kept.event.reason === event.reason && nowMs - kept.event.lastMs < sameWithinMs,
    );
    if (before) {
      before.event = { ...event, firstMs: before.event.firstMs, lastMs: nowMs, count: before.event.count + 1 };
      before.isBehind = true;
      onRecorded(key, uid);
      if (nowMs - before.writtenMs >= patchEveryMs) await this.#patch(before, signal);
      return;
    }
    const recorded = { ...event, firstMs: nowMs, lastMs: nowMs, count: 1 };
    const objectName = `${name}.${sha256(`${uid} ${nowMs} ${event.reason} ${event.message}`).slice(0, 16)}`;
    this.#keep({ key, uid, name: objectName, event: recorded, writtenMs: nowMs, isBehind: false });
    onRecorded(key, uid);
    const object = eventObject(objectName, { namespace, name, uid, resourceVersion }, recorded);
    await this.#tried(() => client.create(resources.events, object, signal), signal);
  }

  eventsOf(uid: string): readonly RecordedEvent[] {
    return this.#list(uid).map(({ event }) => event);
  }

  async restore(namespace: string | undefined, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const fieldSelector = `involvedObject.kind=${resources.fineTuneJobs.kind}`;
    const found: CoreV1Event[] = [];
    for (let continueToken = ''; ; ) {
      const page = await client.list(
        resources.events,
        { namespace, fieldSelector, limit: 500, ...(continueToken && { continueToken }) },
        signal,
      );
      // Counts then begin anew; nothing else depends on it.
      if (page === 'expired') return;
      found.push(...page.items);
      continueToken = page.continueToken;
      if (continueToken === '') break;
    }
    for (const kept of found.map(keptOf).sort((a, b) => a.event.firstMs - b.event.firstMs)) this.#keep(kept);
  }

  forget(uid: string): void {
    this.#kept.delete(uid);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(tickMs, signal).catch(() => {});
      const nowMs = this.#options.clock.now();
      const due = [...this.#kept.values()]
        .flat()
        .filter(({ isBehind, writtenMs }) => isBehind && nowMs - writtenMs >= patchEveryMs)
        .slice(0, mostPatchesPerTick);
      for (const kept of due) if (!signal.aborted) await this.#patch(kept, signal);
    }
  }

  async #patch(kept: Kept, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#options;
    kept.writtenMs = clock.now();
    kept.isBehind = false;
    const { count, message, lastMs } = kept.event;
    const patch = { count, message: message.slice(0, 1024), lastTimestamp: timeText(lastMs) };
    const at = { namespace: kept.key.namespace, name: kept.name };
    await this.#tried(() => client.merge(resources.events, at, patch, signal), signal);
  }

  async #tried(write: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    await write().catch((error: unknown) => {
      if (!signal.aborted) this.#options.log.warn('an event could not be written', { error: String(error) });
    });
  }

  #list(uid: string): readonly Kept[] {
    return this.#kept.get(uid) ?? [];
  }

  #keep(kept: Kept): void {
    this.#kept.set(kept.uid, [...this.#list(kept.uid), kept].slice(-mostPerJob));
  }
}

function keptOf({ metadata, involvedObject, ...event }: CoreV1Event): Kept {
  const timeMs = (time: unknown) => (time ? new Date(time as string).getTime() : 0);
  const lastMs = timeMs(event.lastTimestamp ?? event.eventTime);
  return {
    key: { namespace: involvedObject.namespace ?? '', name: involvedObject.name ?? '' },
    uid: involvedObject.uid ?? '',
    name: metadata.name ?? '',
    event: {
      type: event.type === 'Warning' ? 'Warning' : 'Normal',
      reason: event.reason ?? '',
      message: event.message ?? '',
      firstMs: timeMs(event.firstTimestamp) || lastMs,
      lastMs,
      count: event.count ?? 1,
    },
    writtenMs: lastMs,
    isBehind: false,
  };
}

function eventObject(
  objectName: string,
  job: { namespace: string; name: string; uid: string; resourceVersion: string },
  { type, reason, message, firstMs, lastMs, count }: RecordedEvent,
): CoreV1Event {
  const { apiVersion, kind } = resources.fineTuneJobs;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace: job.namespace, name: objectName },
    involvedObject: { apiVersion, kind, ...job },
    type,
    reason,
    message: message.slice(0, 1024),
    source: { component: 'espalier' },
    firstTimestamp: timeText(firstMs) as unknown as Date,
    lastTimestamp: timeText(lastMs) as unknown as Date,
    count,
  };
}

const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
