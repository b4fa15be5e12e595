import type { EspalierError } from '../../api/errors.js';
import type { CliEvent } from '../events.js';

/** Prints what a command says. */
export interface Renderer {
  event(event: CliEvent): void;
  error(error: EspalierError): void;
  /** Text that was asked for: help, version. */
  print(text: string): void;
}

/** The two streams and what they can show. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** A person is looking at `err`: lines may be rewritten. */
  readonly interactive: boolean;
  readonly color: boolean;
  readonly columns: number;
}
