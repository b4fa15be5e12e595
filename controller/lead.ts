import { randomBytes } from 'node:crypto';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { grpcTransport } from '../proto/grpc.js';
import { loadProtos } from '../proto/load.js';
import type { CertificateSource } from '../proto/transport.js';
import { kubeAccess, kubePodAttestor } from './cluster/kube/auth.js';
import { kubeAuthorityStore, publishAuthority } from './cluster/kube/authorityStore.js';
import type { KubeClient } from './cluster/kube/client.js';
import { resources } from './cluster/kube/resources.js';
import type { Start } from './config.js';
import { runController } from './controller.js';
import { feedIndex } from './feedIndex.js';
import type { Metrics } from './metrics.js';
import { rememberedAccess } from './query/access.js';
import { type CertificateAuthority, openAuthority } from './query/authority.js';
import { JobIndex } from './query/jobIndex.js';
import { registerJobMetrics } from './query/metricsPage.js';
import { mountedAuthority, mountedCertificates, ownCertificates } from './query/ownCertificates.js';
import { statusServer } from './query/server.js';
import { tokenOf } from './resources/access.js';
import { settingsOf } from './settings.js';

export interface LeadOptions {
  readonly start: Start;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly onSynced: (heardAtMs: () => number) => void;
}

const leaderLabel = 'espalier.dev/leader';

/** What the holder of the lease does: reconciles, and answers for the status and for certificates of workers. */
export async function lead(options: LeadOptions, signal: AbortSignal): Promise<void> {
  const { start, client, clock, log, metrics, onSynced } = options;
  const { config, namespace } = start;
  const store = kubeAuthorityStore(client, { namespace, name: config.query.authoritySecret });
  const authority = await openAuthority(store, clock, signal);
  const { dnsNames, tlsFolder, address } = config.query;
  const certificates = await ownCertificates(authority, dnsNames, { clock, log }, signal);
  // How workers know each other, and whom they ask for a certificate.
  const identity = {
    address,
    authority: authority.trusted,
    controllerAuthority: tlsFolder === null ? authority.trusted : await mountedAuthority(tlsFolder),
  };
  await publishAuthority(client, { namespace, name: config.query.authoritySecret }, authority.trusted, signal).catch(
    (error: unknown) => log.warn('the authority could not be published', { error: String(error) }),
  );
  await labelLeader(options, signal);
  const masterKey = authority.derive('job tokens');
  const index = new JobIndex(randomBytes(4).toString('hex'));
  registerJobMetrics(metrics.registry, index);
  const controller = runController(
    {
      client,
      namespaces: config.namespaces,
      settings: settingsOf(config, { preflight: start.preflight, identity }),
      masterKey,
      transport: grpcTransport(),
      certificates,
      clock,
      log,
      random: Math.random,
      ...feedIndex(index),
      onReconciled: metrics.onReconciled,
      onSynced,
    },
    signal,
  );
  const shown = tlsFolder === null ? certificates : await mountedCertificates(tlsFolder, { clock, log }, signal);
  await Promise.all([
    controller,
    serveStatus(options, { jobs: index, authority, masterKey, certificates: shown }, signal),
  ]);
}

interface Served {
  readonly jobs: JobIndex;
  readonly authority: CertificateAuthority;
  readonly masterKey: string;
  readonly certificates: CertificateSource;
}

async function serveStatus(
  { start, client, clock, log }: LeadOptions,
  { jobs, authority, masterKey, certificates }: Served,
  signal: AbortSignal,
): Promise<void> {
  const server = await statusServer({
    protos: loadProtos(),
    jobs,
    access: rememberedAccess(kubeAccess(client), clock),
    address: start.config.query.listen,
    log,
    tls: { certificates },
    identity: {
      attestor: kubePodAttestor(client),
      authority,
      tokenOf: ({ jobUid }) => tokenOf(masterKey, { uid: jobUid }),
    },
  });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  server.setServing(false);
  await server.close();
}

/** With standbys the Service selects the leader; alone there is nobody to tell apart. */
async function labelLeader({ start, client, log }: LeadOptions, signal: AbortSignal): Promise<void> {
  if (start.podName === undefined) return;
  const at = { namespace: start.namespace, name: start.podName };
  await client
    .merge(resources.pods, at, { metadata: { labels: { [leaderLabel]: 'true' } } }, signal)
    .catch((error: unknown) => log.warn('the leader could not be labelled', { error: String(error) }));
}
