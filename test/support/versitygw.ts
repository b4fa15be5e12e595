import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../common/root.js';
import type { Connection } from '../../worker/store/connection.js';
import { freePort } from './freePort.js';

/** A real S3 server under test: how to reach it, and a bucket that is there. */
export interface S3Server extends AsyncDisposable {
  readonly connection: Connection & { readonly endpoint: string };
  readonly bucket: string;
}

/** Starts versitygw on a free port over a temporary folder; builds it first when the cache has none. */
export async function startVersitygw(): Promise<S3Server> {
  const binary = await toolPath('install-versitygw.sh');
  const folder = await mkdtemp(join(tmpdir(), 'versitygw-'));
  const bucket = 'contract';
  await mkdir(join(folder, 'data', bucket), { recursive: true });
  const credentials = { accessKeyId: 'contract-access', secretAccessKey: 'contract-secret' };
  const port = await freePort();
  const child = spawn(binary, ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', join(folder, 'data')], {
    env: { ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${port}`;
  await answering(endpoint, child).catch(async (error) => {
    await stop();
    throw error;
  });
  return { connection: { endpoint, region: 'us-east-1', credentials }, bucket, [Symbol.asyncDispose]: stop };
}

/** Runs a script of scripts/ that prints the path of a tool as its last line. */
export async function toolPath(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', [join(packageRoot(), 'scripts', script)], { maxBuffer: 1 << 24 });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** Resolves when the server answers anything; rejects with its last words when it ends before. */
export async function answering(
  endpoint: string,
  child: { readonly exitCode: number | null; readonly stderr: AsyncIterable<unknown> | null },
): Promise<void> {
  let words = '';
  void (async () => {
    for await (const chunk of child.stderr ?? []) words = `${words}${String(chunk)}`.slice(-2000);
  })().catch(() => undefined);
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the S3 server ended: ${words}`);
    const answered = await fetch(endpoint, { signal: AbortSignal.timeout(1000) }).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resume) => setTimeout(resume, 50));
  }
  throw new Error(`the S3 server at ${endpoint} did not answer within 30 s: ${words}`);
}
