import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  /** Replaces the environment; by default the child inherits ours. */
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Called with every chunk the command writes to either stream. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a program to its end and answers what it wrote to stdout; a failure carries the command and its last words. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await attempt(command, args, options);
  if (code === 0) return stdout;
  const words = (stderr.trim() || stdout.trim()).slice(-4000);
  throw new Error(`${[command, ...args].join(' ').slice(0, 500)} ended with ${code}\n${words}`);
}

export interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Like `run`, for callers to whom a failing command is an answer. */
export async function attempt(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(command, [...args], {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.env ? { env: options.env } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      chunks[name].push(chunk);
      options.onOutput?.(chunk.toString());
    });
  }
  // A program that ends without reading its input closes the pipe; its exit code says what that means.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);
  const code = await new Promise<number | string>((done, failed) => {
    child.once('error', failed);
    child.once('close', (exit, signal) => done(exit ?? signal ?? 'no exit code'));
  });
  return { code, stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() };
}

/**
 * Polls until the probe answers something; undefined, false and rejections mean "not yet". Between two probes it waits three
 * times as long as one took, 2 s at most: probes that start kubectl would take a small machine from what they wait for.
 */
export async function until<T>(
  what: string,
  seconds: number,
  probe: () => Promise<T | undefined | false>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  while (performance.now() < deadline) {
    signal?.throwIfAborted();
    const askedAt = performance.now();
    const answer = await probe().catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (answer !== undefined && answer !== false) return answer;
    const took = performance.now() - askedAt;
    await new Promise((resume) => setTimeout(resume, Math.min(2000, Math.max(200, 3 * took))));
  }
  throw new Error(`${what}: not within ${seconds} s`, last === undefined ? {} : { cause: last });
}
