import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Member } from '../../elastic/view.js';
import type { RecipeFacts, StepReport, Trainee, ViewSource } from './trainee.js';

export interface ExchangeOptions {
  readonly self: Pick<Member, 'id' | 'address'>;
  readonly recipe: RecipeFacts;
  readonly trainee: Trainee;
  readonly views: ViewSource;
  /** How peers are reached; undefined = alone, no network at all. */
  readonly network?: unknown;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Exchange {
  /** Trains until `untilStep` steps are committed. After an abort it hands over what it holds, then ends normally. */
  run(options: { untilStep: number; signal: AbortSignal }): AsyncIterable<StepReport>;
}

export declare function createExchange(options: ExchangeOptions): Exchange;
