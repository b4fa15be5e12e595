import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../common/clock.js';
import { sha256 } from '../common/hash.js';
import type { Logger } from '../common/log.js';
import { grpcTransport } from '../proto/grpc.js';
import { loadProtos } from '../proto/load.js';
import type { JobKey, Live } from './cluster/cluster.js';
import { kubeAccess, kubePodAttestor } from './cluster/kube/auth.js';
import { kubeAuthorityStore, publishAuthority } from './cluster/kube/authorityStore.js';
import type { KubeClient } from './cluster/kube/client.js';
import type { FineTuneJobObject } from './cluster/kube/objects.js';
import { resources } from './cluster/kube/resources.js';
import type { Start } from './config.js';
import { runController } from './controller.js';
import type { Metrics } from './metrics.js';
import { rememberedAccess } from './query/access.js';
import { type CertificateAuthority, openAuthority } from './query/authority.js';
import { controllerUri } from './query/identityService.js';
import { JobIndex } from './query/jobIndex.js';
import { registerJobMetrics } from './query/metricsPage.js';
import { statusServer } from './query/server.js';
import { settingsOf } from './settings.js';

export interface LeadOptions {
  readonly start: Start;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly onSynced: (heardAtMs: () => number) => void;
}

/** The certificate of our own server lasts a day. */
const renewAfterMs = 20 * 3_600_000;
const leaderLabel = 'espalier.dev/leader';

/** What the holder of the lease does: reconciles, and answers for the status and for certificates of workers. */
export async function lead(options: LeadOptions, signal: AbortSignal): Promise<void> {
  const { start, client, clock, log, metrics, onSynced } = options;
  const { config, namespace } = start;
  const store = kubeAuthorityStore(client, { namespace, name: config.query.authoritySecret });
  const authority = await openAuthority(store, clock, signal);
  const own = await store.read(signal);
  // Everything that is derived from a secret is derived from this one, which outlasts every controller.
  const masterKey = sha256(`token key ${own?.key ?? ''}`);
  await publishAuthority(
    client,
    { namespace, name: config.query.authoritySecret },
    authority.certificate,
    signal,
  ).catch((error: unknown) => log.warn('the authority could not be published', { error: String(error) }));
  await labelLeader(options, signal);
  const index = new JobIndex(randomBytes(4).toString('hex'));
  registerJobMetrics(metrics.registry, index);
  const controller = runController(
    {
      client,
      namespaces: config.namespaces,
      settings: settingsOf(config, { preflight: start.preflight }),
      masterKey,
      transport: grpcTransport(),
      clock,
      log,
      random: Math.random,
      onWorkerEvent: (key, pod, event) => index.observe(key, pod, event),
      onJob: (key, job, live) => tellIndex(index, key, job, live),
      onReconciled: metrics.onReconciled,
      onSynced,
    },
    signal,
  );
  await Promise.all([controller, serveStatus(options, index, authority, signal)]);
}

async function serveStatus(
  { start, client, clock, log }: LeadOptions,
  jobs: JobIndex,
  authority: CertificateAuthority,
  signal: AbortSignal,
): Promise<void> {
  const { listen, dnsNames, tlsFolder } = start.config.query;
  const access = rememberedAccess(kubeAccess(client), clock);
  while (!signal.aborted) {
    const own = await authority.issueServer({ uri: controllerUri, dns: ['localhost', ...dnsNames] });
    const tls =
      tlsFolder === null
        ? { certificate: Buffer.from(own.certificate), key: Buffer.from(own.key) }
        : { certificate: await readFile(join(tlsFolder, 'tls.crt')), key: await readFile(join(tlsFolder, 'tls.key')) };
    const identity = { attestor: kubePodAttestor(client), authority };
    const server = await statusServer({ protos: loadProtos(), jobs, access, address: listen, log, tls, identity });
    await clock.sleep(renewAfterMs, signal).catch(() => {});
    server.setServing(false);
    await server.close();
  }
}

function tellIndex(index: JobIndex, key: JobKey, job: FineTuneJobObject | undefined, live: Live): void {
  if (!job?.metadata?.uid) {
    index.remove(key);
    return;
  }
  const { uid, generation = 0, creationTimestamp } = job.metadata;
  index.put({ ...key, uid, generation, createdMs: new Date(creationTimestamp ?? 0).getTime(), status: job.status });
  index.setWorkers(
    key,
    (live.view?.members ?? []).map(({ id, joined }) => ({ id, joined })),
  );
}

/** With standbys the Service selects the leader; alone there is nobody to tell apart. */
async function labelLeader({ start, client, log }: LeadOptions, signal: AbortSignal): Promise<void> {
  if (start.podName === undefined) return;
  const at = { namespace: start.namespace, name: start.podName };
  await client
    .merge(resources.pods, at, { metadata: { labels: { [leaderLabel]: 'true' } } }, signal)
    .catch((error: unknown) => log.warn('the leader could not be labelled', { error: String(error) }));
}
