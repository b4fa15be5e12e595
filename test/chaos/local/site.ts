import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Timeline } from '../timeline.js';
import type { LauncherOrders } from './launcher.js';
import { type LinkProxy, startLinkProxy, type Ways } from './linkProxy.js';
import { LogFolder } from './logFolder.js';

export interface SiteOptions {
  /** The run's own: logs, views, settings. */
  readonly folder: string;
  readonly clockFile: string;
  readonly workers: number;
  readonly config: LauncherOrders['config'];
  readonly env: Readonly<Record<string, string>>;
}

/** One life of a worker. */
export interface SiteWorker {
  readonly slot: number;
  readonly pid: number;
  readonly id: string;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Where one training takes place: its launcher, its workers, the ways between them, and who watches. */
export class Site implements AsyncDisposable {
  readonly timeline = new Timeline();
  readonly ways: Ways = new Map();
  /** Of workers that live or have lived. */
  readonly links = new Map<string, LinkProxy>();
  readonly clockFile: string;
  readonly errors: string[] = [];
  readonly #options: SiteOptions;
  readonly #logs: LogFolder;
  /** The newest life of each slot. */
  readonly #lives = new Map<string, string>();
  #launcher: ChildProcess | undefined;
  #ended: string | undefined;
  #launches = 0;

  private constructor(options: SiteOptions) {
    this.#options = options;
    this.#logs = new LogFolder(join(options.folder, 'logs'));
    this.clockFile = options.clockFile;
  }

  static async open(options: SiteOptions): Promise<Site> {
    await mkdir(join(options.folder, 'logs'), { recursive: true });
    const site = new Site(options);
    site.launch();
    return site;
  }

  get folder(): string {
    return this.#options.folder;
  }

  get ended(): string | undefined {
    return this.#ended;
  }

  get launches(): number {
    return this.#launches;
  }

  get launcherPid(): number | undefined {
    return this.#launcher?.pid;
  }

  /** Names of the workers that live now, or come to life. */
  get members(): readonly string[] {
    return [...this.#lives.values()];
  }

  /**
   * So many have the state, and whoever has it is where the others are: what a fault left behind has been made up for. A blow
   * to the only one who holds the state costs what no other worker could have kept.
   */
  isAbreast(least: number): boolean {
    const { highest, last } = this.timeline;
    const steps = this.members.flatMap((id) => last.get(id) ?? []);
    return steps.length >= least && steps.every((step) => step >= highest - 1);
  }

  /** Hears from the launcher, and reads the workers' logs: one of them may find no room on its disk. Their clocks may jump. */
  look(): void {
    for (const line of this.#logs.lines()) this.timeline.heard(line);
  }

  /** Starts a launcher; what it says is taken in. */
  launch(): void {
    const { folder, workers, config, env } = this.#options;
    const orders: LauncherOrders = { folder, workers, config };
    this.#launches++;
    const launcher = spawn(process.execPath, ['--enable-source-maps', here('launcher.js'), JSON.stringify(orders)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...env,
        ESPALIER_CHAOS_CLOCK: this.clockFile,
        NODE_OPTIONS: `--import=${pathToFileURL(here('clockJump.js')).href}`,
      },
    });
    this.#launcher = launcher;
    createInterface({ input: launcher.stdout! }).on('line', (line) => this.#hear(JSON.parse(line) as Said));
    launcher.on('close', (code) => {
      if (launcher === this.#launcher && code !== null) this.#ended ??= `the launcher ended with code ${code}`;
    });
  }

  /** After an end that was no end: the disk has room again. */
  async launchAgain(): Promise<void> {
    const launcher = this.#launcher!;
    if (launcher.exitCode === null && launcher.signalCode === null) await once(launcher, 'exit');
    this.#ended = undefined;
    this.launch();
  }

  /** As a crash or a power cut: nothing of it is left to tell anybody. */
  killLauncher(): Promise<void> {
    const launcher = this.#launcher!;
    const gone = new Promise<void>((resolve) => launcher.once('exit', () => resolve()));
    this.#launcher = undefined;
    launcher.kill('SIGKILL');
    return gone;
  }

  /** The workers that run now. */
  async workers(): Promise<readonly SiteWorker[]> {
    const found: SiteWorker[] = [];
    for (let slot = 0; slot < this.#options.workers; slot++) {
      const owner = await readFile(join(this.#options.folder, `worker-${slot}`, 'process'), 'utf8').catch(() => '');
      const pid = Number(owner.split(':')[1]);
      if (pid > 0 && isAlive(pid)) found.push({ slot, pid, id: this.#lives.get(`worker-${slot}`) ?? `worker-${slot}` });
    }
    return found;
  }

  /** Nothing of this run is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended === undefined && this.#launcher !== undefined) await this.killLauncher();
    for (const { pid } of await this.workers()) process.kill(pid, 'SIGKILL');
    for (const link of this.links.values()) link.close();
    this.#logs.close();
  }

  #hear({ listen, committed, error, ended, why }: Said): void {
    if (listen) {
      const { id, address } = listen;
      this.#lives.set(id.split('.')[0]!, id);
      startLinkProxy(id, address, this.ways).then(
        (link) => this.links.set(id, link),
        (failure: unknown) => this.errors.push(`no way to ${id}: ${String(failure)}`),
      );
    }
    if (committed) this.timeline.committed(committed.worker, committed.step, committed.leaves);
    if (error) this.errors.push(`${error.worker}: ${error.name} ${error.message}`);
    if (ended) this.#ended = ended === 'finished' ? 'finished' : `failed: ${why}`;
  }
}

interface Said {
  readonly listen?: { readonly id: string; readonly address: string };
  readonly committed?: { readonly worker: string; readonly step: number; readonly leaves: number };
  readonly error?: { readonly worker: string; readonly name: string; readonly message: string };
  readonly ended?: 'finished' | 'failed';
  readonly why?: string;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
