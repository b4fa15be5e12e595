#!/usr/bin/env node
import { fstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EspalierError } from '../api/errors.js';
import { systemClock } from '../common/clock.js';
import { isDiskFull } from '../common/files.js';
import { createLogger, lineSink } from '../common/log.js';
import { packageRoot } from '../common/root.js';
import { grpcTransport } from '../proto/grpc.js';
import { readWorkerConfig } from './config.js';
import { runWorker } from './run.js';
import { startWatchdog } from './watchdog.js';

// The one place of a worker that sees argv, signals and the exit code.

/** Stopped early and resumable; Kubernetes must start this index again (exit 0 alone means "published"). */
const exitLeft = 75;
/** A running session cannot be interrupted: whoever is still busy this long after the order to leave ends hard. */
const leaveWithinMs = 45_000;

const leave = new AbortController();
const leaving = (reason: string) => () => {
  if (leave.signal.aborted) return;
  leave.abort(new DOMException(reason, 'AbortError'));
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), leaveWithinMs).unref();
};
process.on('SIGTERM', leaving('SIGTERM received'));
// Ctrl-C reaches the whole process group; the launcher alone decides what it means.
process.on('SIGINT', () => {});

const { values } = parseArgs({ options: { config: { type: 'string' }, 'with-launcher': { type: 'boolean' } } });
// A stream to a file stands still for ever after a write that found no room.
const sink = fstatSync(2).isFile() ? lineSink(2) : (line: string) => process.stderr.write(line);
let log = createLogger(sink);
if (values['with-launcher']) {
  // The launcher holds the other end and never writes: the end of the pipe is the end of the launcher, however it died.
  process.stdin.on('end', leaving('the launcher is gone')).on('error', leaving('the launcher is gone')).resume();
}

try {
  const config = await readWorkerConfig(values.config ?? '');
  log = createLogger(sink, {
    level: config.logLevel,
    fields: { member: config.member },
  });
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const outcome = await runWorker(config, {
    transport: grpcTransport(),
    clock: systemClock,
    log,
    version,
    leave,
    peakRssBytes: () => process.resourceUsage().maxRSS * 1024,
    watchdog: startWatchdog,
  });
  process.exit(outcome === 'finished' ? 0 : exitLeft);
} catch (error) {
  const full = isDiskFull(error) && new EspalierError('DiskFull', diskFullAt(error), { cause: error });
  const coded = full || (error instanceof EspalierError ? error : undefined);
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (coded || !leave.signal.aborted)
    // The launcher reads this line: it is how it learns why a worker ended.
    log.error(coded?.message ?? what, {
      ...(coded && { name: coded.name, code: coded.code, remedy: coded.remedy, facts: coded.facts }),
    });
  process.exit(leave.signal.aborted && !coded ? exitLeft : (coded?.exit ?? 70));
}

function diskFullAt(error: unknown): { path: string; what: string } {
  const { path = process.cwd() } = error as NodeJS.ErrnoException;
  return { path, what: 'files of a worker' };
}
