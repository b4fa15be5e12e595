import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ErrorName, EspalierError } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import { createLogger, type Logger, lineSink } from '../../common/log.js';
import { programUrl } from '../../common/programs.js';
import { type Exit, logTail, spawnWorker, type WorkerProcess } from '../../controller/cluster/twin/processes.js';
import { fileViewStore } from '../../controller/membership/fileViewStore.js';
import { type Oracle, openOracle } from '../../controller/membership/oracle.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import { grpcTransport } from '../../proto/grpc.js';
import type { WorkerConfig } from '../../worker/config.js';
import type { Environment } from '../deps.js';
import { namingFullDisk } from './fullDisk.js';
import { socketFolder } from './socketFolder.js';
import { awaitSurvivors, noteWorker } from './survivors.js';

export interface LaunchOptions {
  readonly workers: number;
  /** What all workers are told alike. */
  readonly config: Omit<WorkerConfig, 'member' | 'listen' | 'token' | 'workFolder' | 'logLevel'>;
  /** Logs, views and scratch space of this run. */
  readonly folder: string;
  readonly env: Environment;
  readonly clock: Clock;
  /** Aborted: every worker checkpoints and leaves. */
  readonly signal: AbortSignal;
  readonly onEvent: (worker: string, event: WorkerEvent) => void;
  /** The address under which others reach a worker that listens at this one: what stands between them is the caller's. */
  readonly route?: (id: string, address: string) => string;
  /** Told about twice a second: the processes that run now. */
  readonly onPids: (pids: readonly number[]) => void | Promise<void>;
}

const pidsEveryMs = 500;
/** As many as `--workers` takes. */
const mostWorkers = 64;

/** Worker deaths with no committed step between them that end a job; the same budget as in a cluster. */
const mostDeaths = 5;

/**
 * Runs the workers of a job as processes of this machine until all of them have seen the published artifact. A worker that
 * dies is replaced by another one, as a pod would be; the others do not stop. Throws the coded error of the worker that
 * failed for good, or `Interrupted` once all have left.
 */
export async function launchWorkers(options: LaunchOptions): Promise<void> {
  const { folder } = options;
  const sockets = await socketFolder();
  let logFile: number | undefined;
  try {
    await mkdir(folder, { recursive: true });
    logFile = openSync(join(folder, 'launcher.log'), 'a');
    const launch = new Launch(options, sockets, createLogger(lineSink(logFile)));
    try {
      await launch.run();
    } finally {
      await launch.end();
    }
  } catch (error) {
    namingFullDisk(folder, error);
  } finally {
    if (logFile !== undefined) closeSync(logFile);
    await rm(sockets, { recursive: true, force: true });
  }
}

class Launch {
  readonly #options: LaunchOptions;
  readonly #sockets: string;
  /** Members of two launchers never share a name. */
  readonly #boot = randomBytes(3).toString('hex');
  readonly #token = randomBytes(24).toString('hex');
  readonly #log: Logger;
  readonly #running = new Map<string, WorkerProcess>();
  #oracle: Oracle | undefined;
  #deaths = 0;
  #lives = 0;
  #finished = false;
  #ending = false;
  #slots: readonly Promise<void>[] = [];

  constructor(options: LaunchOptions, sockets: string, log: Logger) {
    this.#options = options;
    this.#sockets = sockets;
    this.#log = log;
  }

  async run(): Promise<void> {
    const { folder, clock, signal, workers, onEvent } = this.#options;
    await mkdir(join(folder, 'logs'), { recursive: true });
    await awaitSurvivors(folder, mostWorkers, { clock, signal });
    // Views of an earlier launcher name processes that ended with it.
    const views = join(folder, 'views');
    this.#oracle = await openOracle({
      store: fileViewStore(views),
      transport: grpcTransport(),
      token: this.#token,
      clock,
      log: this.#log,
      onEvent: (id, event) => {
        if (event.step) this.#deaths = 0;
        onEvent(id, event);
      },
    });
    // The first view names all of them: one that names nobody would be no view to train by.
    const started: Promise<void>[] = [];
    this.#slots = Array.from({ length: workers }, (_, slot) => {
      let begun = () => {};
      started.push(new Promise((resolve) => (begun = resolve)));
      return this.#keep(slot, begun);
    });
    const leaveAll = () => {
      for (const worker of this.#running.values()) worker.signal('SIGTERM');
    };
    signal.addEventListener('abort', leaveAll, { once: true });
    const watching = new AbortController();
    const watched = this.#tellPids(watching.signal);
    try {
      // A worker that fails before the first view must not leave the others waiting for it.
      const all = Promise.all(this.#slots);
      const formed = Promise.all(started).then(() => this.#oracle!.form(signal));
      await Promise.race([formed.then(() => all), all]);
      await all;
    } finally {
      watching.abort();
      await watched;
      signal.removeEventListener('abort', leaveAll);
    }
  }

  async #tellPids(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.onPids([...this.#running.values()].map(({ pid }) => pid));
      await this.#options.clock.sleep(pidsEveryMs, signal).catch(() => {});
    }
  }

  /** One slot: starts a worker, and another one whenever it dies, until the job is finished. */
  async #keep(slot: number, onStarted: () => void): Promise<void> {
    const { signal } = this.#options;
    for (;;) {
      const { id, worker } = await this.#start(slot);
      onStarted();
      const exit = await worker.ended;
      this.#running.delete(id);
      if (exit.code === 0) {
        this.#finished = true;
        return;
      }
      signal.throwIfAborted();
      // Another worker failed for good: this one was asked to leave, nobody takes its place.
      if (this.#ending) return;
      await this.#oracle!.forget(id);
      const lines = await logTail(worker.logFile);
      const failure = failureIn(lines, id);
      if (failure && !failure.retry) throw new WorkerFailure(failure, worker.name, worker.logFile, lines);
      if (this.#finished) return;
      if (this.#ending) return;
      this.#deaths += 1;
      this.#log.warn('a worker ended and is replaced', { id, ...exit, deaths: this.#deaths });
      if (this.#deaths >= mostDeaths) {
        const lost = failure ?? new EspalierError('WorkersLost', { how: describe(exit), log: worker.logFile });
        throw new WorkerFailure(lost, worker.name, worker.logFile, lines);
      }
    }
  }

  async #start(slot: number): Promise<{ id: string; worker: WorkerProcess }> {
    const { folder, config, env, route = (_, direct) => direct } = this.#options;
    const id = `worker-${slot}.${this.#boot}-${this.#lives++}`;
    const address = `unix:${join(this.#sockets, `${id}.sock`)}`;
    const workFolder = join(folder, `worker-${slot}`);
    await mkdir(workFolder, { recursive: true });
    const file = join(workFolder, 'config.json');
    const whole: WorkerConfig = {
      ...config,
      member: id,
      listen: address,
      token: this.#token,
      workFolder,
      logLevel: 'info',
    };
    await writeFile(file, JSON.stringify(whole, null, 2), { mode: 0o600 });
    const worker = await spawnWorker({
      name: `worker-${slot}`,
      entry: fileURLToPath(programUrl('worker')),
      args: ['--config', file, '--with-launcher'],
      env: { ...env },
      logFile: join(folder, 'logs', `worker-${slot}.log`),
    });
    this.#running.set(id, worker);
    // The order to leave may have come while this process was being made: it reached all others.
    if (this.#ending || this.#options.signal.aborted) worker.signal('SIGTERM');
    await noteWorker(folder, slot, worker.pid);
    this.#oracle!.register({ id, address: route(id, address) });
    return { id, worker };
  }

  /** Nothing is left behind: whoever still runs is asked to leave, then killed. */
  async end(): Promise<void> {
    this.#ending = true;
    for (const worker of this.#running.values()) worker.signal('SIGTERM');
    const patience = new AbortController();
    const late = this.#options.clock.sleep(60_000, patience.signal).then(
      () => {
        for (const worker of this.#running.values()) worker.signal('SIGKILL');
      },
      () => {},
    );
    await Promise.allSettled(this.#slots);
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

/** The coded error that a life of a worker ended with: the last thing it logged. */
function failureIn(lines: readonly string[], member: string): EspalierError | undefined {
  const last = lines.findLast((line) => line.startsWith('{'));
  if (last === undefined) return undefined;
  try {
    const told = JSON.parse(last) as { level: string; member: string; name?: ErrorName; facts?: never };
    if (told.level !== 'error' || told.member !== member || told.name === undefined) return undefined;
    return new EspalierError(told.name, told.facts as never);
  } catch {
    return undefined;
  }
}

const describe = ({ code, signal }: Exit): string =>
  signal === null ? `the last ended with code ${code}` : `the last was ended by ${signal}`;
