#!/usr/bin/env node
import { EspalierError } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import { mountedSecrets, paths, readJob } from '../pod/mounts.js';
import { failureVerdict, leaveVerdict } from '../pod/verdict.js';
import { preflight } from './preflight.js';

// The one place of a preflight pod that sees the environment, signals and the exit code.

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new DOMException('SIGTERM received', 'AbortError')));
const log = createLogger((line) => process.stderr.write(line));
try {
  const verdict = await preflight(readJob(paths), {
    paths,
    secretOf: mountedSecrets(paths),
    env: process.env,
    clock: systemClock,
    log,
    signal: stop.signal,
  });
  leaveVerdict(paths.lastWords, verdict);
  process.exit(0);
} catch (error) {
  log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  // Who is told to go has no verdict: it is made again.
  if (!stop.signal.aborted) leaveVerdict(paths.lastWords, failureVerdict(error));
  process.exit(stop.signal.aborted ? 75 : error instanceof EspalierError ? error.exit : 70);
}
