import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The controller's own counters; those of jobs come from the index (query/metricsPage.ts). */
export interface Metrics {
  readonly registry: Registry;
  onCall(call: { readonly verb: string; readonly resource: string; readonly code: number }): void;
  onReconciled(result: { readonly seconds: number; readonly failed: boolean }): void;
  leading(is: boolean): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'espalier_controller_' });
  const registers = [registry];
  const calls = new Counter({
    name: 'espalier_api_calls_total',
    help: 'Calls to the API server',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  });
  const reconciles = new Histogram({
    name: 'espalier_reconcile_duration_seconds',
    help: 'Time of one look at one job',
    labelNames: ['result'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const leader = new Gauge({ name: 'espalier_leading', help: '1 while this controller holds the Lease', registers });
  return {
    registry,
    onCall: ({ verb, resource, code }) => calls.inc({ verb, resource, code: String(code) }),
    onReconciled: ({ seconds, failed }) => reconciles.observe({ result: failed ? 'failed' : 'done' }, seconds),
    leading: (is) => leader.set(is ? 1 : 0),
  };
}
