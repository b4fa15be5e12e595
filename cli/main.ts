#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { systemClock } from '../common/clock.js';
import { packageRoot } from '../common/root.js';
import { cacheDirectory } from './cacheDirectory.js';
import { commands } from './commands/index.js';
import { prepareLocally } from './local/prepare.js';
import { runCli } from './runCli.js';

// The one place of the command line that sees argv, the environment, the streams and the exit code.

// The AWS SDK's reminder that a later version of it wants a later Node is for us, not for users.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) {
      // A second Ctrl-C: die by the signal itself, because process.exit would wait for a running session.
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      return;
    }
    process.stderr.write('\nstopping; once more ends at once\n');
    interruption.abort(new DOMException(`${signal} received`, 'AbortError'));
  });
}
// A reader that went away (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  interruption.abort(new DOMException('the output was closed', 'AbortError'));
});

const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
process.exitCode = await runCli(process.argv.slice(2), {
  commands,
  version,
  terminal: {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    interactive: process.stderr.isTTY === true,
    color: process.stderr.isTTY === true && process.env.NO_COLOR === undefined,
    columns: process.stderr.columns ?? 80,
  },
  deps: {
    env: process.env,
    workingDirectory: process.cwd(),
    signal: interruption.signal,
    clock: systemClock,
    cacheDirectory: cacheDirectory(process.env),
    readStdin: () => buffer(addAbortSignal(interruption.signal, process.stdin)),
    prepare: (job, context) => prepareLocally(job, context, { clock: systemClock }),
  },
});
