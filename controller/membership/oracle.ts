import { fail } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { type MembershipChange, nextView } from '../../elastic/membership.js';
import { type Member, membersOf, type View } from '../../elastic/view.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { ClientTls, Transport } from '../../proto/transport.js';
import { MemberLink } from './memberLink.js';
import type { ViewStore } from './viewStore.js';

export interface OracleOptions {
  readonly store: ViewStore;
  readonly transport: Transport;
  /** The job's. */
  readonly token: string;
  /** By which a member is reached. Absent: in plain text. */
  readonly tls?: (member: string) => ClientTls;
  readonly clock: Clock;
  readonly log: Logger;
  /** Everything the workers tell, in their order, each event once. */
  readonly onEvent?: (id: string, event: WorkerEvent) => void;
  /** After it is persisted. */
  readonly onView?: (view: View) => void;
}

/** Who takes part: members register, views are persisted and then published. One per job. */
export interface Oracle {
  /** A process that serves Exchange and Worker at this address. It is admitted once it answers and holds the state. */
  register(member: Pick<Member, 'id' | 'address'>): void;
  /** The first view: everybody registered so far, as soon as each of them answers; they hold the same state. */
  form(signal: AbortSignal): Promise<View>;
  /** The process is gone for good. */
  forget(id: string): Promise<void>;
  /** Asks a member to hand over and leave. */
  stop(id: string, reason: string): Promise<void>;
  /** Did it leave on purpose? */
  leftOnPurpose(id: string): boolean;
  readonly view: View | undefined;
  close(): Promise<void>;
}

export async function openOracle(options: OracleOptions): Promise<Oracle> {
  return new ViewOracle(options, await options.store.read());
}

const retryMs = 1000;

class ViewOracle implements Oracle {
  readonly #options: OracleOptions;
  readonly #links = new Map<string, MemberLink>();
  readonly #addresses = new Map<string, string>();
  readonly #present = new Set<string>();
  readonly #left = new Set<string>();
  #view: View | undefined;
  #formed: boolean;
  /** Changes are written one after the other. */
  #writing: Promise<void> = Promise.resolve();
  #wake: (() => void)[] = [];
  readonly #closed = new AbortController();

  constructor(options: OracleOptions, view: View | undefined) {
    this.#options = options;
    this.#view = view;
    this.#formed = false;
  }

  get view(): View | undefined {
    return this.#view;
  }

  register({ id, address }: Pick<Member, 'id' | 'address'>): void {
    const { transport, token, tls, clock, log, onEvent } = this.#options;
    this.#addresses.set(id, address);
    const link = new MemberLink({
      member: { id, address },
      connect: () => transport.connect(address, { token, ...(tls && { tls: tls(id) }) }),
      reach: transport.reach && ((given) => transport.reach!(address, given)),
      view: () => (this.#formed ? this.#view : undefined),
      clock,
      log,
      onAppeared: () => {
        this.#present.add(id);
        for (const wake of this.#wake.splice(0)) wake();
        if (this.#formed) this.#change({ kind: 'appeared', id, address });
      },
      onLost: (why) => {
        log.warn('a member is lost', { id, why });
        this.#present.delete(id);
        if (this.#formed) this.#change({ kind: 'gone', id });
      },
      onEvent: (event) => {
        if (event.ready && this.#formed) this.#change({ kind: 'ready', id });
        if (event.leaving) {
          this.#left.add(id);
          this.#change({ kind: 'gone', id });
        }
        onEvent?.(id, event);
      },
    });
    this.#links.set(id, link);
  }

  async form(signal: AbortSignal): Promise<View> {
    // Whoever dies before it ever answered is forgotten, and its replacement is waited for instead.
    const registered = () => [...this.#addresses].map(([id, address]) => ({ id, address }));
    while (!registered().every(({ id }) => this.#present.has(id))) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        this.#wake.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    }
    // Members of an earlier launcher's view that nobody registered again are gone.
    const old = (this.#view?.members ?? []).filter(({ id }) => !this.#addresses.has(id));
    const members = registered();
    this.#formed = true;
    const formed = this.#writing.then(async () => {
      for (const { id } of old) await this.#write({ kind: 'gone', id });
      await this.#write({ kind: 'formed', members });
    });
    this.#writing = formed.catch(() => {});
    try {
      await formed;
    } catch (error) {
      // Without a first view nobody trains: whoever asked for it is told why, and may ask again.
      this.#formed = false;
      throw error;
    }
    // An unchanged view is published too: it was persisted by the launcher before us.
    for (const link of this.#links.values()) link.publish();
    return this.#view!;
  }

  async forget(id: string): Promise<void> {
    const link = this.#links.get(id) ?? fail('MemberUnknown', { id });
    this.#links.delete(id);
    this.#addresses.delete(id);
    this.#present.delete(id);
    for (const wake of this.#wake.splice(0)) wake();
    if (this.#formed) this.#change({ kind: 'gone', id });
    await link.close();
  }

  async stop(id: string, reason: string): Promise<void> {
    await (this.#links.get(id) ?? fail('MemberUnknown', { id })).stop(reason);
  }

  leftOnPurpose(id: string): boolean {
    return this.#left.has(id);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    await this.#writing;
  }

  #change(change: MembershipChange): void {
    this.#writing = this.#writing.then(() => this.#persist(change));
  }

  /** Until it is written, for nobody will tell it again. Training goes on meanwhile, by the workers' own suspicion. */
  async #persist(change: MembershipChange): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        return await this.#write(change);
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        log.error('a view could not be written', { error: String(error) });
        await clock.sleep(retryMs, this.#closed.signal).catch(() => {});
      }
    }
  }

  /** Persisted first, published then. Another oracle's newer view is taken over, and the change made on top of it. */
  async #write(change: MembershipChange): Promise<void> {
    const { store, log, onView } = this.#options;
    if (change.kind === 'appeared' && this.#left.has(change.id)) return;
    for (;;) {
      const current = this.#view ?? { number: 0, members: [] };
      const next = nextView(current, change);
      if (next === current) return;
      if ((await store.write(next)) === 'taken') {
        this.#view = await store.read();
        continue;
      }
      this.#view = next;
      log.info(`view ${next.number} = {${membersOf(next)}}`, { because: change.kind });
      onView?.(next);
      for (const link of this.#links.values()) link.publish();
      return;
    }
  }
}
