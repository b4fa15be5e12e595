import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Assignment, Timing } from '../../elastic/rules.js';
import type { Waiting } from '../../elastic/tell.js';
import type { ClientTls, ServedService, Transport } from '../../proto/transport.js';
import type { Numerics, RecipeFacts, StepReport, Trainee, ViewSource } from './trainee.js';

export interface ExchangeOptions {
  /** This member's id. */
  readonly self: string;
  readonly recipe: RecipeFacts;
  readonly trainee: Trainee;
  /** Compared with every peer's before anything else is said. */
  readonly numerics?: Numerics;
  /** Undefined: alone, with no network at all and the same bits. */
  readonly others?: {
    readonly views: ViewSource;
    readonly transport: Transport;
    /** The job's. */
    readonly token: string;
    /** By which this member reaches another one. Absent: in plain text. */
    readonly tls?: (member: string) => ClientTls;
  };
  readonly clock: Clock;
  readonly log: Logger;
  readonly timing?: Partial<Timing>;
  /** `bySpeed` unless a comparison asks for the usual partition. */
  readonly assignment?: Assignment;
}

export interface Exchange {
  /** To be listened with at the address by which the views name this member; before the first view that does. */
  readonly service: ServedService;
  /**
   * Trains until `untilStep` steps are applied, and until who can be reached has them too. After an abort it hands over what
   * it holds and ends normally. Reports are queued: a slow reader slows nothing. May be called again for later steps.
   */
  run(options: { untilStep: number; signal: AbortSignal }): AsyncIterable<StepReport>;
  /** What the current step lacks. */
  waiting(): Waiting;
  close(): Promise<void>;
}
