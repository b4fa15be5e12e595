#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EspalierError } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import { packageRoot } from '../../common/root.js';
import { mountedSecrets, paths, readJob } from './mounts.js';
import { failureVerdict, leaveVerdict } from './verdict.js';

// The one place of a worker pod that sees the environment, signals and the exit code.

/** Stopped early and resumable: exit 0 alone means "published". */
const exitLeft = 75;
/** A running session cannot be interrupted: whoever is still busy this long after the order to leave ends hard. */
const leaveWithinMs = 45_000;

const leave = new AbortController();
process.on('SIGTERM', () => {
  if (leave.signal.aborted) return;
  leave.abort(new DOMException('SIGTERM received', 'AbortError'));
  // Said now, in case there is no later: this is no crash.
  leaveVerdict(paths.lastWords, { outcome: 'left' });
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), leaveWithinMs).unref();
});
// What takes long to load comes after the handler: process 1 of a container never hears a signal that it has no handler for.
const { grpcTransport } = await import('../../proto/grpc.js');
const { podWorker } = await import('./podWorker.js');
const { startWatchdog } = await import('../watchdog.js');
const log = createLogger((line) => process.stderr.write(line), { fields: { member: process.env.POD_NAME } });
try {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const verdict = await podWorker(readJob(paths), {
    paths,
    secretOf: mountedSecrets(paths),
    env: process.env,
    transport: grpcTransport(),
    clock: systemClock,
    random: Math.random,
    log,
    version,
    leave,
    peakRssBytes: () => process.resourceUsage().maxRSS * 1024,
    watchdog: startWatchdog,
  });
  leaveVerdict(paths.lastWords, verdict);
  process.exit(verdict.outcome === 'published' ? 0 : exitLeft);
} catch (error) {
  const coded = error instanceof EspalierError ? error : undefined;
  log.error(coded?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)), {
    ...(coded && { name: coded.name, code: coded.code, remedy: coded.remedy, facts: coded.facts }),
  });
  if (leave.signal.aborted && !coded) process.exit(exitLeft);
  leaveVerdict(paths.lastWords, failureVerdict(error));
  process.exit(coded?.exit ?? 70);
}
