#!/usr/bin/env node
import { EspalierError } from '../api/errors.js';
import { systemClock } from '../common/clock.js';
import { createLogger } from '../common/log.js';
import { accessOfEnvironment } from './cluster/kube/apiAccess.js';
import { createKubeClient } from './cluster/kube/client.js';
import { withLease } from './cluster/kube/election.js';
import { createHttp } from './cluster/kube/http.js';
import { checkServer } from './cluster/kube/server.js';
import { readStart } from './config.js';
import { serveHealth } from './health.js';
import { lead } from './lead.js';
import { createMetrics } from './metrics.js';

// The one place of the controller that sees the environment, signals and the exit code.

/** The watches have a watchdog of their own; this one is for what nobody thought of. */
const sickAfterMs = 600_000;

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const)
  process.on(name, () => stop.abort(new DOMException(`${name} received`, 'AbortError')));

const write = (line: string) => process.stderr.write(line);
let log = createLogger(write);
try {
  const start = await readStart(process.env, process.pid);
  log = createLogger(write, { level: start.config.logLevel });
  const metrics = createMetrics();
  const http = createHttp(await accessOfEnvironment(process.env), systemClock);
  const client = createKubeClient({ http, onCall: metrics.onCall });
  let heardAtMs: (() => number) | undefined;
  await using _health = await serveHealth({
    listen: start.config.http.listen,
    registry: metrics.registry,
    sick: () =>
      heardAtMs && systemClock.monotonic() - heardAtMs() > sickAfterMs
        ? 'the API server has been silent for ten minutes'
        : undefined,
    unready: () => undefined,
  });
  await checkServer(client, { clock: systemClock, log }, stop.signal);
  await withLease(
    {
      client,
      lease: { namespace: start.namespace, name: start.config.release },
      identity: start.identity,
      clock: systemClock,
      log,
      random: Math.random,
    },
    async (signal) => {
      metrics.leading(true);
      const onSynced = (heard: () => number) => {
        heardAtMs = heard;
      };
      await lead({ start, client, clock: systemClock, log, metrics, onSynced }, signal);
    },
    stop.signal,
  );
  process.exit(0);
} catch (error) {
  if (stop.signal.aborted) process.exit(0);
  const coded = error instanceof EspalierError ? error : undefined;
  log.error(coded?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)), {
    ...(coded && { name: coded.name, code: coded.code, remedy: coded.remedy }),
  });
  process.exit(coded?.exit ?? 70);
}
