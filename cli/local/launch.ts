import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorName, EspalierError, fail } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import { createLogger, type Logger } from '../../common/log.js';
import { packageRoot } from '../../common/root.js';
import { type Exit, logTail, spawnWorker, type WorkerProcess } from '../../controller/cluster/twin/processes.js';
import { fileViewStore } from '../../controller/membership/fileViewStore.js';
import { type Oracle, openOracle } from '../../controller/membership/oracle.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import { grpcTransport } from '../../proto/grpc.js';
import type { WorkerConfig } from '../../worker/config.js';
import type { Environment } from '../deps.js';

export interface LaunchOptions {
  readonly workers: number;
  /** What all workers are told alike. */
  readonly config: Omit<WorkerConfig, 'member' | 'listen' | 'token' | 'workFolder' | 'engines' | 'logLevel'> & {
    readonly engines?: number | undefined;
  };
  /** Logs, views and scratch space of this run. */
  readonly folder: string;
  readonly env: Environment;
  readonly clock: Clock;
  /** Aborted: every worker checkpoints and leaves. */
  readonly signal: AbortSignal;
  readonly onEvent: (worker: string, event: WorkerEvent) => void;
  /** Told a few times a second: the processes that run now. */
  readonly onPids: (pids: readonly number[]) => void;
}

const pidsEveryMs = 500;

/** Worker deaths with no committed step between them that end a job; the same budget as in a cluster. */
const mostDeaths = 5;

/**
 * Runs the workers of a job as processes of this machine until all of them have seen the published artifact. A worker that
 * dies is replaced by another one, as a pod would be; the others do not stop. Throws the coded error of the worker that
 * failed for good, or `Interrupted` once all have left.
 */
export async function launchWorkers(options: LaunchOptions): Promise<void> {
  const sockets = await mkdtemp(join(tmpdir(), 'espalier-'));
  const launch = new Launch(options, sockets);
  try {
    await launch.run();
  } finally {
    await launch.end();
    await rm(sockets, { recursive: true, force: true });
  }
}

class Launch {
  readonly #options: LaunchOptions;
  readonly #sockets: string;
  readonly #token = randomBytes(24).toString('hex');
  readonly #log: Logger;
  readonly #running = new Map<string, WorkerProcess>();
  readonly #failures = new Map<string, EspalierError>();
  #oracle: Oracle | undefined;
  #deaths = 0;
  #lives = 0;
  #finished = false;

  constructor(options: LaunchOptions, sockets: string) {
    this.#options = options;
    this.#sockets = sockets;
    this.#log = createLogger((line) => void writeFile(join(options.folder, 'launcher.log'), line, { flag: 'a' }));
  }

  async run(): Promise<void> {
    const { folder, clock, signal, workers, onEvent } = this.#options;
    await mkdir(join(folder, 'logs'), { recursive: true });
    // Views of an earlier launcher name processes that ended with it.
    const views = join(folder, 'views');
    this.#oracle = await openOracle({
      store: fileViewStore(views),
      transport: grpcTransport(),
      token: this.#token,
      clock,
      log: this.#log,
      onEvent: (id, event) => {
        this.#heard(id, event);
        onEvent(id, event);
      },
    });
    const slots = Array.from({ length: workers }, (_, slot) => this.#keep(slot));
    const leaveAll = () => {
      for (const worker of this.#running.values()) worker.signal('SIGTERM');
    };
    signal.addEventListener('abort', leaveAll, { once: true });
    const watching = new AbortController();
    const watched = this.#tellPids(watching.signal);
    try {
      // A worker that fails before the first view must not leave the others waiting for it.
      const all = Promise.all(slots);
      await Promise.race([this.#oracle.form(signal).then(() => all), all]);
      await all;
    } finally {
      watching.abort();
      await watched;
      signal.removeEventListener('abort', leaveAll);
    }
  }

  async #tellPids(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#options.onPids([...this.#running.values()].map(({ pid }) => pid));
      await this.#options.clock.sleep(pidsEveryMs, signal).catch(() => {});
    }
  }

  /** One slot: starts a worker, and another one whenever it dies, until the job is finished. */
  async #keep(slot: number): Promise<void> {
    const { signal } = this.#options;
    for (;;) {
      const { id, worker } = await this.#start(slot);
      const exit = await worker.ended;
      this.#running.delete(id);
      if (exit.code === 0) {
        this.#finished = true;
        return;
      }
      signal.throwIfAborted();
      await this.#oracle!.forget(id);
      const failure = this.#failures.get(id);
      if (failure && !failure.retry) throw await this.#withLog(worker, failure);
      if (this.#finished) return;
      this.#deaths += 1;
      this.#log.warn('a worker ended and is replaced', { id, ...exit, deaths: this.#deaths });
      if (this.#deaths >= mostDeaths)
        throw await this.#withLog(
          worker,
          failure ?? new EspalierError('WorkersLost', { how: describe(exit), log: worker.logFile }),
        );
    }
  }

  async #start(slot: number): Promise<{ id: string; worker: WorkerProcess }> {
    const { folder, config, env, workers } = this.#options;
    const id = `worker-${slot}.${this.#lives++}`;
    const address = `unix:${join(this.#sockets, `${id}.sock`)}`;
    const workFolder = join(folder, `worker-${slot}`);
    await mkdir(workFolder, { recursive: true });
    const engines = config.engines ?? Math.max(1, Math.floor(availableParallelism() / workers));
    const file = join(workFolder, 'config.json');
    const whole: WorkerConfig = {
      ...config,
      engines,
      member: id,
      listen: address,
      token: this.#token,
      workFolder,
      logLevel: 'info',
    };
    await writeFile(file, JSON.stringify(whole, null, 2), { mode: 0o600 });
    const worker = await spawnWorker({
      name: `worker-${slot}`,
      entry: join(packageRoot(), compiledFolder(), 'worker', 'main.js'),
      args: ['--config', file, '--with-launcher'],
      env: { ...env },
      logFile: join(folder, 'logs', `worker-${slot}.log`),
    });
    this.#running.set(id, worker);
    this.#oracle!.register({ id, address });
    return { id, worker };
  }

  #heard(id: string, event: WorkerEvent): void {
    if (event.step) this.#deaths = 0;
    if (!event.error) return;
    const { name, facts, message } = event.error;
    try {
      this.#failures.set(id, new EspalierError(name as ErrorName, JSON.parse(facts) as never));
    } catch {
      this.#failures.set(id, new EspalierError('Internal', { what: message }) as EspalierError);
    }
  }

  async #withLog(worker: WorkerProcess, error: EspalierError): Promise<WorkerFailure> {
    return new WorkerFailure(error, worker.name, worker.logFile, await logTail(worker.logFile));
  }

  /** Nothing is left behind: whoever still runs is asked to leave, then killed. */
  async end(): Promise<void> {
    for (const worker of this.#running.values()) worker.signal('SIGTERM');
    const gone = Promise.all([...this.#running.values()].map(({ ended }) => ended));
    const patience = new AbortController();
    const late = this.#options.clock.sleep(60_000, patience.signal).then(
      () => {
        for (const worker of this.#running.values()) worker.signal('SIGKILL');
      },
      () => {},
    );
    await gone;
    patience.abort();
    await late;
    await this.#oracle?.close();
  }
}

/** The error that a worker ended with, and the last lines of its log. */
export class WorkerFailure extends Error {
  constructor(
    readonly error: EspalierError,
    readonly worker: string,
    readonly logFile: string,
    readonly lines: readonly string[],
  ) {
    super(error.message, { cause: error });
  }
}

const describe = ({ code, signal }: Exit): string =>
  signal === null ? `the last ended with code ${code}` : `the last was ended by ${signal}`;

/** `dist`, or wherever this build lies below the package's root. */
const compiledFolder = (): string => {
  const here = new URL('../..', import.meta.url).pathname;
  const root = packageRoot();
  return here.startsWith(root)
    ? here.slice(root.length + 1)
    : fail('Internal', { what: `${here} is not below ${root}` });
};
