// What every entry command needs first, on a machine where nothing was installed by hand: packages and a build.
// Plain JavaScript without dependencies, because it runs before `npm ci`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs a command, its output on stderr so that stdout stays the caller's; ends this process when it fails. */
export function must(command, args, { remedy = '', env = {} } = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
  if (done.status === 0) return;
  const why = done.error ? done.error.message : `it ended with ${done.signal ?? done.status}`;
  process.stderr.write(`\n${[command, ...args].join(' ')} failed: ${why}\n${remedy ? `${remedy}\n` : ''}`);
  process.exit(3);
}

/** `npm ci` when node_modules is missing or older than the lock file (by content, not by time). */
export function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.espalier-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  process.stderr.write('installing packages (npm ci)\n');
  // The lock file holds every hash, so what npm has in its cache need not be asked for again.
  must('npm', ['ci', '--prefer-offline', '--no-fund', '--no-audit', '--loglevel=error'], {
    // onnxruntime-node's install script fetches CUDA libraries, which only the CUDA image wants.
    env: { npm_config_onnxruntime_node_install: 'skip' },
    remedy: 'espalier needs Node 20.19 or later, npm, and a package registry it can reach',
  });
  writeFileSync(stamp, lock);
}

export function build() {
  must(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root]);
  must(process.execPath, [join(root, 'scripts', 'bundle.mjs')]);
}
