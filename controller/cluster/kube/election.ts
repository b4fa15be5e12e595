import { EspalierError } from '../../../api/errors.js';
import type { Clock } from '../../../common/clock.js';
import { deadlineOf } from '../../../common/deadline.js';
import type { Logger } from '../../../common/log.js';
import type { KubeClient, Reference } from './client.js';
import { textOf } from './http.js';
import type { V1Lease } from './objects.js';
import { resources } from './resources.js';

export interface ElectionOptions {
  readonly client: KubeClient;
  readonly lease: Reference;
  /** Unique among all processes that may want it. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/** Whoever has not renewed for this long holds it no more. */
const leaseMs = 15_000;
/** Who cannot renew for this long stops by itself, well before somebody else may begin. */
const renewWithinMs = 10_000;
const everyMs = 2_000;

/**
 * Waits for the lease, runs `lead` while it is held, and hands it back at the end. Both signals of `lead` end it: the caller's
 * and the loss of the lease, which is thrown as `LeaseLost`. Expiry is judged by this process's own monotonic clock since it
 * saw the last renewal, so clocks of machines need not agree.
 */
export async function withLease(
  options: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, identity, lease } = options;
  const holder = new LeaseHolder(options);
  while (!(await holder.attempt(signal).catch(failed(log)))) await clock.sleep(jittered(options), signal);
  log.info('leading', { lease: `${lease.namespace}/${lease.name}`, identity });
  const lost = new AbortController();
  const renewing = new AbortController();
  const leading = AbortSignal.any([signal, lost.signal]);
  const renewal = holder.renew(lost, AbortSignal.any([signal, renewing.signal]));
  try {
    await lead(leading);
  } catch (error) {
    if (!lost.signal.aborted) throw error;
  } finally {
    renewing.abort();
    await renewal;
    if (!lost.signal.aborted) await holder.release().catch(failed(log));
  }
  if (lost.signal.aborted) throw lost.signal.reason;
}

const failed =
  (log: Logger) =>
  (error: unknown): false => {
    log.warn('the lease could not be taken, renewed or released', { error: textOf(error) });
    return false;
  };

const jittered = ({ random }: ElectionOptions): number => everyMs * (0.8 + 0.4 * random());

class LeaseHolder {
  readonly #options: ElectionOptions;
  /** The record as last seen to change, and when this process saw that. */
  #seen = '';
  #seenAtMs = 0;
  #holder = '';

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** Takes or renews the lease; false while another one holds it. */
  async attempt(signal: AbortSignal): Promise<boolean> {
    const { client, lease, identity, clock } = this.#options;
    const found = await client.get(resources.leases, lease, signal);
    if (!found) return (await client.create(resources.leases, this.#record(undefined), signal)) !== 'exists';
    this.#observe(found);
    const isMine = this.#holder === identity;
    const isFree = this.#holder === '' || clock.monotonic() - this.#seenAtMs >= leaseMs;
    if (!isMine && !isFree) return false;
    const written = await client.replace(resources.leases, this.#record(found), signal);
    if (written === 'changed' || written === 'missing') return false;
    this.#observe(written);
    return true;
  }

  async renew(lost: AbortController, signal: AbortSignal): Promise<void> {
    const { clock, log, lease } = this.#options;
    let renewedAtMs = clock.monotonic();
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal).catch(() => {});
      if (signal.aborted) return;
      using patience = deadlineOf(signal, renewWithinMs / 2);
      if (await this.attempt(patience.signal).catch(failed(log))) renewedAtMs = clock.monotonic();
      else if (this.#isTaken() || clock.monotonic() - renewedAtMs >= renewWithinMs) {
        const name = `${lease.namespace}/${lease.name}`;
        lost.abort(new EspalierError('LeaseLost', { lease: name, holder: this.#isTaken() ? this.#holder : '' }));
        return;
      }
    }
  }

  /** Nobody has to wait for the expiry of a lease that is given up on purpose. */
  async release(): Promise<void> {
    const { client, lease, identity } = this.#options;
    const signal = AbortSignal.timeout(3000);
    const found = await client.get(resources.leases, lease, signal);
    if (found?.spec?.holderIdentity !== identity) return;
    await client.replace(resources.leases, { ...found, spec: { ...found.spec, holderIdentity: '' } }, signal);
  }

  #isTaken(): boolean {
    return this.#holder !== '' && this.#holder !== this.#options.identity;
  }

  #observe({ metadata, spec }: V1Lease): void {
    this.#holder = spec?.holderIdentity ?? '';
    if (this.#seen === metadata?.resourceVersion) return;
    this.#seen = metadata?.resourceVersion ?? '';
    this.#seenAtMs = this.#options.clock.monotonic();
  }

  #record(found: V1Lease | undefined): V1Lease {
    const { lease, identity, clock } = this.#options;
    // MicroTime: the API server wants six digits of a second.
    const now = new Date(clock.now()).toISOString().replace(/Z$/, '000Z') as unknown as NonNullable<
      V1Lease['spec']
    >['renewTime'];
    const isNew = found?.spec?.holderIdentity !== identity;
    return {
      apiVersion: resources.leases.apiVersion,
      kind: resources.leases.kind,
      metadata: { ...found?.metadata, namespace: lease.namespace, name: lease.name },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: leaseMs / 1000,
        renewTime: now!,
        acquireTime: isNew ? now! : (found?.spec?.acquireTime ?? now!),
        leaseTransitions: (found?.spec?.leaseTransitions ?? 0) + (found && isNew ? 1 : 0),
      },
    };
  }
}
