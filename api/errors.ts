import { artifactErrors } from './errors/artifacts.js';
import { baseErrors } from './errors/base.js';
import { clusterErrors } from './errors/cluster.js';
import { dataErrors } from './errors/data.js';
import { engineErrors } from './errors/engine.js';
import type { ErrorEntry } from './errors/entry.js';
import { exchangeErrors } from './errors/exchange.js';
import { jobErrors } from './errors/job.js';
import { launchErrors } from './errors/launch.js';
import { queryErrors } from './errors/query.js';
import { recipeErrors } from './errors/recipe.js';
import { runErrors } from './errors/run.js';
import { storeErrors } from './errors/store.js';

/** Every error Espalier can report: the name is the condition reason, the facts are typed per name. */
export const errors = {
  ...jobErrors,
  ...baseErrors,
  ...dataErrors,
  ...recipeErrors,
  ...engineErrors,
  ...exchangeErrors,
  ...storeErrors,
  ...artifactErrors,
  ...runErrors,
  ...launchErrors,
  ...queryErrors,
  ...clusterErrors,
};

export type ErrorName = keyof typeof errors;
export type Facts<Name extends ErrorName> = (typeof errors)[Name] extends ErrorEntry<infer F> ? F : never;

/** The one exception type. Match on `name` and `facts`; print `message` and `remedy`. */
export class EspalierError<Name extends ErrorName = ErrorName> extends Error {
  override readonly name: Name;
  readonly facts: Facts<Name>;

  constructor(name: Name, facts: Facts<Name>, options?: { cause?: unknown }) {
    const definition = errors[name] as unknown as ErrorEntry<Facts<Name>>;
    super(definition.message(facts), options);
    this.name = name;
    this.facts = facts;
  }

  get #entry(): ErrorEntry<Facts<Name>> {
    return errors[this.name] as unknown as ErrorEntry<Facts<Name>>;
  }
  get code(): string {
    return this.#entry.code;
  }
  get remedy(): string {
    return this.#entry.remedy(this.facts);
  }
  get retry(): boolean {
    return this.#entry.retry;
  }
  get grpc(): ErrorEntry<never>['grpc'] {
    return this.#entry.grpc;
  }
  get exit(): ErrorEntry<never>['exit'] {
    return this.#entry.exit;
  }

  /** Narrowed `instanceof`: is it this named error? */
  static is<N extends ErrorName>(error: unknown, name: N): error is EspalierError<N> {
    return error instanceof EspalierError && error.name === name;
  }
}

/** Throws a coded error; usable as an expression. */
export function fail<Name extends ErrorName>(name: Name, facts: Facts<Name>, options?: { cause?: unknown }): never {
  throw new EspalierError(name, facts, options);
}
