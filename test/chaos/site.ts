import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { LauncherOrders } from './launcher.js';
import { type LinkProxy, startLinkProxy, type Ways } from './linkProxy.js';
import { Timeline } from './timeline.js';

export interface SiteOptions {
  readonly folder: string;
  readonly workers: number;
  readonly config: LauncherOrders['config'];
  readonly env: Readonly<Record<string, string>>;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Where one training takes place: its launcher, its workers, the ways between them, and who watches. */
export class Site {
  readonly timeline: Timeline;
  readonly ways: Ways = new Map();
  /** Of workers that live or have lived. */
  readonly links = new Map<string, LinkProxy>();
  readonly clockFile: string;
  /** The published adapter's hash, as the workers told it. */
  sha256: string | undefined;
  readonly errors: string[] = [];
  readonly #options: SiteOptions;
  #launcher: ChildProcess | undefined;
  #ended: string | undefined;
  #launches = 0;

  private constructor(options: SiteOptions) {
    this.#options = options;
    this.timeline = new Timeline(join(options.folder, 'logs'));
    this.clockFile = join(options.folder, 'clock');
  }

  static async open(options: SiteOptions): Promise<Site> {
    await mkdir(join(options.folder, 'logs'), { recursive: true });
    const site = new Site(options);
    site.launch();
    return site;
  }

  get ended(): string | undefined {
    return this.#ended;
  }

  get launches(): number {
    return this.#launches;
  }

  /** Starts a launcher; what it says is taken in. */
  launch(): void {
    const { folder, workers, config, env } = this.#options;
    const orders: LauncherOrders = { folder, workers, config };
    this.#launches++;
    const launcher = spawn(process.execPath, ['--enable-source-maps', here('launcher.js'), JSON.stringify(orders)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...env,
        ESPALIER_CHAOS_CLOCK: this.clockFile,
        NODE_OPTIONS: `--import=${pathToFileURL(here('clockJump.js')).href}`,
      },
    });
    this.#launcher = launcher;
    createInterface({ input: launcher.stdout! }).on('line', (line) => this.#hear(JSON.parse(line)));
    launcher.on('exit', (code) => {
      if (launcher === this.#launcher && code !== null) this.#ended ??= `the launcher ended with code ${code}`;
    });
  }

  /** As a crash or a power cut: nothing of it is left to tell anybody. */
  killLauncher(): Promise<void> {
    const launcher = this.#launcher!;
    const gone = new Promise<void>((resolve) => launcher.once('exit', () => resolve()));
    this.#launcher = undefined;
    launcher.kill('SIGKILL');
    return gone;
  }

  /** Processes of the workers that run now, by slot. */
  async pids(): Promise<ReadonlyMap<number, number>> {
    const found = new Map<number, number>();
    for (let slot = 0; slot < this.#options.workers; slot++) {
      const owner = await readFile(join(this.#options.folder, `worker-${slot}`, 'process'), 'utf8').catch(() => '');
      const pid = Number(owner.split(':')[1]);
      if (pid > 0 && isAlive(pid)) found.set(slot, pid);
    }
    return found;
  }

  /** Nothing of this run is left. */
  async close(): Promise<void> {
    if (this.#ended === undefined && this.#launcher !== undefined) await this.killLauncher();
    for (const pid of (await this.pids()).values()) process.kill(pid, 'SIGKILL');
    for (const link of this.links.values()) link.close();
    this.timeline.close();
  }

  #hear(said: Said): void {
    if (said.listen) {
      const { id, address } = said.listen;
      startLinkProxy(id, address, this.ways).then(
        (link) => this.links.set(id, link),
        (error: unknown) => this.errors.push(`no way to ${id}: ${String(error)}`),
      );
    }
    if (said.artifact) this.sha256 = said.artifact.sha256;
    if (said.error) this.errors.push(`${said.error.worker}: ${said.error.name} ${said.error.message}`);
    if (said.ended) this.#ended = said.ended === 'finished' ? 'finished' : `failed: ${said.why}`;
  }
}

interface Said {
  readonly listen?: { readonly id: string; readonly address: string };
  readonly artifact?: { readonly sha256: string };
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
