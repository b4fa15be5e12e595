import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { workerFlags } from '../../resources/workerFlags.js';

/** How a worker process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One worker process of this machine: the twin of a pod. */
export interface WorkerProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly ended: Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
}

export interface SpawnOptions {
  readonly name: string;
  readonly entry: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

/**
 * Starts a worker with its output appended to a log file and its standard input a pipe that nobody writes to: when the
 * launcher dies, however it dies, the worker reads the end of it and stops itself. So nothing is ever left behind.
 */
export async function spawnWorker({ name, entry, args, env, logFile }: SpawnOptions): Promise<WorkerProcess> {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(process.execPath, [...workerFlags, entry, ...args], {
      stdio: ['pipe', log, log],
      env,
    });
    const ended = new Promise<Exit>((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    // A worker that dies closes the pipe under us; its exit says all there is to say.
    child.stdin?.on('error', () => {});
    return { name, pid: child.pid as number, logFile, ended, signal: (signal) => void child.kill(signal) };
  } finally {
    closeSync(log);
  }
}

/** The last lines of a log, for the message that reports the worker's end. */
export async function logTail(file: string, lines = 8, mostBytes = 16_384): Promise<readonly string[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - mostBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const all = buffer.subarray(0, bytesRead).toString('utf8').split('\n').filter(Boolean);
    return all.slice(-lines);
  } finally {
    await handle.close();
  }
}
