import { EspalierError, fail } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import { sha256 } from '../../common/hash.js';

/** Somebody the API server knows. */
export interface Caller {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  /** For service accounts also which pod the token is bound to. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export type Verb = 'get' | 'list' | 'watch';

/** Who calls, and what they may read: asked of the API server (TokenReview, SubjectAccessReview), never decided here. */
export interface Access {
  /** Undefined when the token is nobody's. Throws `AccessUnchecked` when it cannot be found out. */
  identify(token: string, signal: AbortSignal): Promise<Caller | undefined>;
  /** May the caller do this with FineTuneJobs of the namespace? `''` = of all. */
  allowed(caller: Caller, verb: Verb, namespace: string, signal: AbortSignal): Promise<boolean>;
}

const answerKeptMs = 20_000;
const mostAnswers = 4096;

/**
 * Remembers answers for 20 s, so that a watch may ask for each change: a token that is taken back ends its streams within
 * that time. Tokens are kept as hashes.
 */
export function rememberedAccess(access: Access, clock: Clock): Access {
  const callers = new Answers<Caller | undefined>(clock);
  const verdicts = new Answers<boolean>(clock);
  return {
    identify: (token, signal) => callers.get(sha256(token), () => access.identify(token, signal)),
    allowed: (caller, verb, namespace, signal) =>
      verdicts.get(JSON.stringify([caller, verb, namespace]), () => access.allowed(caller, verb, namespace, signal)),
  };
}

class Answers<T> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, { readonly answer: T; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(key: string, ask: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept && kept.untilMs > this.#clock.monotonic()) return kept.answer;
    const answer = await ask();
    this.#kept.delete(key);
    this.#kept.set(key, { answer, untilMs: this.#clock.monotonic() + answerKeptMs });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostAnswers) break;
      this.#kept.delete(oldest);
    }
    return answer;
  }
}

/** The bearer token of a call. */
export function bearerOf(metadata: ReadonlyMap<string, string>): string {
  const found = /^Bearer (\S{1,16384})$/i.exec(metadata.get('authorization') ?? '');
  return found?.[1] ?? fail('CallerUnknown', { why: 'there is no bearer token' });
}

/** One call's rights: who it is, then what it may see. */
export class Rights {
  readonly #access: Access;
  readonly #token: string;
  readonly #signal: AbortSignal;

  constructor(access: Access, call: { readonly metadata: ReadonlyMap<string, string>; readonly signal: AbortSignal }) {
    this.#access = access;
    this.#token = bearerOf(call.metadata);
    this.#signal = call.signal;
  }

  async caller(): Promise<Caller> {
    const caller = await this.#asked(() => this.#access.identify(this.#token, this.#signal));
    return caller ?? fail('CallerUnknown', { why: 'the API server does not accept the token' });
  }

  /** For one namespace, or with `''` for all. */
  async may(verb: Verb, namespace: string): Promise<boolean> {
    const caller = await this.caller();
    return this.#asked(() => this.#access.allowed(caller, verb, namespace, this.#signal));
  }

  /** Throws `CallerForbidden`. */
  async need(verb: Verb, namespace: string): Promise<void> {
    if (!(await this.may(verb, namespace)))
      fail('CallerForbidden', { user: (await this.caller()).user, verb, namespace });
  }

  /** May it see this namespace, by a right to all or to this one? */
  async sees(verb: Verb, namespace: string): Promise<boolean> {
    return (await this.may(verb, '')) || (await this.may(verb, namespace));
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof EspalierError) throw error;
      const what = error instanceof Error ? error.message : String(error);
      return fail('AccessUnchecked', { what }, { cause: error });
    }
  }
}
