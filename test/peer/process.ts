import { spawn } from 'node:child_process';
import { packageRoot } from '../../common/root.js';

/** Runs a program of the checks in the package's root; returns what it printed, its complaints go to the screen. */
export function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      cwd: packageRoot(),
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1' },
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    child.on('error', failed);
    child.on('exit', (code) => (code === 0 ? done(printed) : failed(new Error(`${args[0]} ended with ${code}`))));
  });
}

/** The last line that a program printed, as JSON. */
export const lastObject = (printed: string): Record<string, unknown> =>
  JSON.parse(printed.trim().split('\n').at(-1)!) as Record<string, unknown>;
