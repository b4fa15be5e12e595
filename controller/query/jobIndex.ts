import { fail } from '../../api/errors.js';
import { byCodeUnit } from '../../common/hash.js';
import type { JobEventInput } from '../../proto/generated/espalier/v1/JobEvent.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import { jobMessage, nothingLive } from './jobMessage.js';
import type { JobChanged, JobFilter, JobKey, JobMessage, JobPage, JobResource, Jobs, Point } from './jobs.js';
import { LiveJob, type LiveWorker } from './liveJob.js';
import { Wake } from './wake.js';

/** Removed jobs that are remembered, for readers that resume. */
const mostTombstones = 1024;

interface Entry {
  resource: JobResource;
  live: LiveJob | undefined;
  removed: boolean;
  readonly addedAt: number;
  /** Of its last change. */
  revision: number;
}

const finished: readonly string[] = ['Complete', 'Failed'];

/**
 * Every job the controller knows, for the status service. Each change has a revision; a reader stands at a revision and gets
 * the jobs that changed after it, as they are when it reads: that is how slow readers are coalesced.
 */
export class JobIndex implements Jobs {
  readonly #epoch: string;
  /** By uid, in order of the last change. */
  readonly #entries = new Map<string, Entry>();
  readonly #uids = new Map<string, string>();
  readonly #wake = new Wake();
  #revision = 0;
  /** Newest revision whose removal is forgotten. */
  #forgotten = 0;
  #tombstones = 0;

  /** `epoch` names this life of the controller: tokens of another one are refused. */
  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  put(resource: JobResource): void {
    const key = keyOf(resource);
    const known = this.#uids.get(key);
    if (known !== undefined && known !== resource.uid) this.remove(resource, known);
    const entry = this.#entries.get(resource.uid);
    this.#uids.set(key, resource.uid);
    if (entry) this.#touch(Object.assign(entry, { resource, removed: false }));
    else this.#touch({ resource, live: undefined, removed: false, addedAt: this.#revision + 1, revision: 0 });
  }

  /** With a uid: only that life of the name. */
  remove(key: JobKey, uid = this.#uids.get(keyOf(key))): void {
    const entry = uid === undefined ? undefined : this.#entries.get(uid);
    if (!entry || entry.removed) return;
    if (this.#uids.get(keyOf(key)) === uid) this.#uids.delete(keyOf(key));
    this.#touch(Object.assign(entry, { removed: true, live: undefined }));
    if (++this.#tombstones > mostTombstones) this.#forgetOldest();
  }

  /** What a worker tells (`Oracle.onEvent`). Of jobs that are not known nothing is kept. */
  observe(key: JobKey, worker: string, event: WorkerEvent): void {
    const entry = this.#entry(key);
    if (entry && this.#live(entry).observe(worker, event)) this.#touch(entry);
  }

  setWorkers(key: JobKey, workers: readonly LiveWorker[]): void {
    const entry = this.#entry(key);
    if (!entry || (!entry.live && workers.length === 0)) return;
    if (this.#live(entry).setWorkers(workers)) this.#touch(entry);
  }

  /** All that was told of this life of the job, oldest first. */
  setEvents(key: JobKey, events: readonly JobEventInput[], uid = this.#uids.get(keyOf(key))): void {
    const entry = this.#entry(key);
    if (!entry || entry.resource.uid !== uid || (!entry.live && events.length === 0)) return;
    if (this.#live(entry).setEvents(events)) this.#touch(entry);
  }

  /** The next attempt begins at a checkpoint: what its workers tell takes the place of later points. */
  startOver(key: JobKey): void {
    this.#entry(key)?.live?.startOver();
  }

  get(key: JobKey): JobMessage | undefined {
    const entry = this.#entry(key);
    return entry && messageOf(entry);
  }

  /** Jobs per state, for the metrics page. */
  countsByState(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const entry of this.#present()) {
      const { state } = messageOf(entry);
      counts.set(state, (counts.get(state) ?? 0) + 1);
    }
    return counts;
  }

  /** Every job that has live numbers and has not ended, for the metrics page. */
  *training(): Iterable<JobMessage> {
    for (const entry of this.#present())
      if (entry.live?.metrics.last && !finished.includes(entry.resource.status?.state ?? '')) yield messageOf(entry);
  }

  async list(
    filter: JobFilter,
    { size, token }: { readonly size: number; readonly token: string },
    visible: (namespace: string) => Promise<boolean>,
  ): Promise<JobPage> {
    const after = token === '' ? '' : decodePage(token);
    const found = [...this.#present()]
      .filter((entry) => keyOf(entry.resource) > after && fits(filter, entry))
      .sort((a, b) => byCodeUnit(keyOf(a.resource), keyOf(b.resource)));
    const jobs: JobMessage[] = [];
    for (const entry of found) {
      if (!(await visible(entry.resource.namespace))) continue;
      if (jobs.length === size) return { jobs, next: encodePage(keyOf(jobs.at(-1)!)) };
      jobs.push(messageOf(entry));
    }
    return { jobs, next: undefined };
  }

  async *changes(filter: JobFilter, after: string, signal: AbortSignal): AsyncIterable<JobChanged> {
    let position = after === '' ? 0 : this.#position(after);
    let synced = false;
    // New to the reader, and changed again before it was told of them.
    const postponed = new Set<Entry>();
    for (;;) {
      const head = this.#revision;
      for (const [entry, revision] of this.#since(position).filter(([found]) => fits(filter, found))) {
        const known = entry.addedAt <= position && !postponed.has(entry);
        // It changed while the reader was busy: it comes with the next batch, as it is then.
        if (entry.revision !== revision) {
          if (!known) postponed.add(entry);
          continue;
        }
        postponed.delete(entry);
        if (entry.removed && !known) continue;
        signal.throwIfAborted();
        const kind = entry.removed ? 'REMOVED' : known ? 'CHANGED' : 'ADDED';
        yield { kind, job: messageOf(entry), token: this.#token(revision) };
      }
      position = head;
      if (!synced && postponed.size === 0) {
        synced = true;
        yield { kind: 'SYNCED', token: this.#token(head) };
      }
      if (this.#revision === position) await this.#wake.next(signal);
    }
  }

  async *points(key: JobKey, afterStep: number, signal: AbortSignal): AsyncIterable<Point> {
    const entry = this.#entry(key) ?? fail('JobUnknown', { ...key });
    let sequence = 0;
    for (;;) {
      const revision = this.#revision;
      const ended = entry.removed || finished.includes(entry.resource.status?.state ?? '');
      const next = entry.live?.metrics.after(sequence);
      for (const point of next?.points ?? []) {
        signal.throwIfAborted();
        if (point.step > afterStep || afterStep === 0) yield point;
      }
      sequence = next?.sequence ?? sequence;
      // What came while the reader was busy is looked at first.
      if (this.#revision !== revision) continue;
      if (ended) return;
      await this.#wake.next(signal);
    }
  }

  #entry(key: JobKey): Entry | undefined {
    const uid = this.#uids.get(keyOf(key));
    return uid === undefined ? undefined : this.#entries.get(uid);
  }

  #live(entry: Entry): LiveJob {
    entry.live ??= new LiveJob();
    return entry.live;
  }

  *#present(): Iterable<Entry> {
    for (const entry of this.#entries.values()) if (!entry.removed) yield entry;
  }

  /** Moves the entry to the end: the map stays ordered by revision. */
  #touch(entry: Entry): void {
    entry.revision = ++this.#revision;
    this.#entries.delete(entry.resource.uid);
    this.#entries.set(entry.resource.uid, entry);
    this.#wake.all();
  }

  #since(position: number): (readonly [Entry, number])[] {
    return [...this.#entries.values()]
      .filter(({ revision }) => revision > position)
      .map((entry) => [entry, entry.revision] as const);
  }

  #forgetOldest(): void {
    for (const [uid, entry] of this.#entries) {
      if (!entry.removed) continue;
      this.#entries.delete(uid);
      this.#forgotten = entry.revision;
      this.#tombstones--;
      return;
    }
  }

  #token(revision: number): string {
    return `${this.#epoch}.${revision}`;
  }

  #position(token: string): number {
    const found = /^(\w+)\.(\d{1,15})$/.exec(token);
    if (!found) fail('ResumeTokenInvalid', { token, why: 'it is not a token of this service' });
    const revision = Number(found[2]);
    if (found[1] !== this.#epoch) fail('ResumeTokenInvalid', { token, why: 'the controller was started again' });
    if (revision > this.#revision) fail('ResumeTokenInvalid', { token, why: 'it is of the future' });
    if (revision < this.#forgotten) fail('ResumeTokenInvalid', { token, why: 'it is too old' });
    return revision;
  }
}

const messageOf = (entry: Entry): JobMessage => jobMessage(entry.resource, entry.live?.view() ?? nothingLive);

/** A space sorts before every character of a name, so a namespace's jobs stay together. */
const keyOf = ({ namespace, name }: JobKey): string => `${namespace} ${name}`;

function fits({ namespace, name, states }: JobFilter, { resource }: Entry): boolean {
  if (namespace && resource.namespace !== namespace) return false;
  if (name && resource.name !== name) return false;
  const state = (resource.status?.state ?? 'Pending').toLowerCase();
  return !states?.length || states.some((wanted) => wanted.toLowerCase() === state);
}

const encodePage = (key: string): string => Buffer.from(key).toString('base64url');

function decodePage(token: string): string {
  const key = Buffer.from(token, 'base64url').toString();
  if (encodePage(key) !== token || !/^\S+ \S+$/.test(key))
    fail('QueryInvalid', { field: 'page_token', what: 'is not the next_page_token of a list' });
  return key;
}
