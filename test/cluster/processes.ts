import { spawn } from 'node:child_process';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './command.js';

/** A process by its id and start time: an id alone may have been given to a stranger since. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  readonly startTicks: string;
}

export interface Daemon {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface Folders {
  readonly logs: string;
  readonly processes: string;
}

/** Starts a process that outlives this one, its output in `logs`, its record in `processes`. */
export async function startDaemon({ logs, processes }: Folders, daemon: Daemon): Promise<ProcessRecord> {
  await mkdir(logs, { recursive: true });
  await mkdir(processes, { recursive: true });
  const log = await open(join(logs, `${daemon.name}.log`), 'a');
  try {
    const child = spawn(daemon.command, [...daemon.args], {
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
      ...(daemon.env ? { env: daemon.env } : {}),
    });
    await new Promise<void>((done, failed) => child.once('spawn', done).once('error', failed));
    child.unref();
    const pid = child.pid!;
    const record = { name: daemon.name, pid, startTicks: (await statOf(pid))?.startTicks ?? 'gone' };
    await writeFile(join(processes, `${daemon.name}.json`), JSON.stringify(record));
    return record;
  } finally {
    await log.close();
  }
}

export async function recordOf({ processes }: Folders, name: string): Promise<ProcessRecord | undefined> {
  const text = await readFile(join(processes, `${name}.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ProcessRecord);
}

export async function records({ processes }: Folders): Promise<readonly ProcessRecord[]> {
  const files = await readdir(processes).catch(() => [] as string[]);
  const found = await Promise.all(files.map((file) => recordOf({ logs: '', processes }, file.replace(/\.json$/, ''))));
  return found.filter((record) => record !== undefined);
}

export async function isAlive(record: ProcessRecord): Promise<boolean> {
  const stat = await statOf(record.pid);
  if (stat === undefined || stat.startTicks !== record.startTicks) return false;
  if (stat.state !== 'Z') return true;
  // The first thread of a killed process is often gone before the others, and with them its sockets, are.
  const threads = await readdir(`/proc/${record.pid}/task`).catch(() => []);
  return threads.length > 1;
}

/** Sends SIGTERM, after `graceMs` SIGKILL, and returns when the process is gone. */
export async function stopProcess(record: ProcessRecord, graceMs: number): Promise<void> {
  const gone = async () => !(await isAlive(record));
  if (await gone()) return;
  if (graceMs > 0) {
    signalProcess(record.pid, 'SIGTERM');
    if (await until('', graceMs / 1000, gone).catch(() => false)) return;
  }
  if (await isAlive(record)) signalProcess(record.pid, 'SIGKILL');
  await until(`process ${record.pid} (${record.name}) ends after SIGKILL`, 20, gone);
}

export async function stopDaemon(folders: Folders, name: string, graceMs: number): Promise<void> {
  const record = await recordOf(folders, name);
  if (record) await stopProcess(record, graceMs);
  await rm(join(folders.processes, `${name}.json`), { force: true });
}

/** The last lines of a daemon's log, for an error that tells why it did not come up. */
export async function lastWords({ logs }: Folders, name: string): Promise<string> {
  const text = await readFile(join(logs, `${name}.log`), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-12).join('\n');
}

/** The children of a process: `nsenter` forks before it becomes the program inside a pid namespace. */
export async function childrenOf(pid: number): Promise<readonly ProcessRecord[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map(async (each) => ({ pid: each, stat: await statOf(each) })));
  return stats.flatMap(({ pid: each, stat }) =>
    stat?.parent === pid ? [{ name: `child of ${pid}`, pid: each, startTicks: stat.startTicks }] : [],
  );
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** proc(5): the name in parentheses may hold anything, so fields are counted after its last parenthesis. */
async function statOf(pid: number): Promise<{ state: string; parent: number; startTicks: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, parent: Number(fields[1]), startTicks: fields[19]! };
}
