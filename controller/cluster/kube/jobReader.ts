import { fail } from '../../../api/errors.js';
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import type { JobEventInput } from '../../../proto/generated/espalier/v1/JobEvent.js';
import { JobIndex } from '../../query/jobIndex.js';
import type { JobChanged, JobFilter, JobKey, JobMessage } from '../../query/jobs.js';
import type { LiveWorker } from '../../query/liveJob.js';
import { labels, type Role } from '../../resources/names.js';
import { createKubeClient } from './client.js';
import { createHttp } from './http.js';
import { jobResourceOf } from './jobResource.js';
import { type KubeconfigChoice, readKubeconfig } from './kubeconfig.js';
import type { CoreV1Event, V1Pod } from './objects.js';
import { createReflector } from './reflector.js';
import { pathOf, resources } from './resources.js';

export interface LogOptions {
  readonly follow: boolean;
  readonly tailLines: number;
}

/** Jobs as a person with a kubeconfig may read them: the same messages as the controller's gRPC status gives. */
export interface JobReader {
  /** Of the kubeconfig's context. */
  readonly namespace: string;
  get(key: JobKey, signal: AbortSignal): Promise<JobMessage | undefined>;
  list(filter: JobFilter, signal: AbortSignal): Promise<readonly JobMessage[]>;
  changes(filter: JobFilter, signal: AbortSignal): AsyncIterable<JobChanged>;
  /** Names of the job's pods, oldest first. */
  pods(key: JobKey, signal: AbortSignal): Promise<readonly string[]>;
  /** A pod's log, line by line. */
  log(namespace: string, pod: string, options: LogOptions, signal: AbortSignal): AsyncIterable<string>;
  close(): void;
}

const pageSize = 250;

export function openJobReader(
  choice: KubeconfigChoice,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): JobReader {
  const { config, namespace } = readKubeconfig(choice);
  const http = createHttp(config, clock);
  const client = createKubeClient({ http });

  const all = async <T>(
    resource: { apiVersion: string; kind: string; plural: string; of?: T },
    selection: object,
    signal: AbortSignal,
  ) => {
    const items: T[] = [];
    for (let continueToken = ''; ; ) {
      const page = await client.list<T>(
        resource,
        { ...selection, limit: pageSize, ...(continueToken && { continueToken }) },
        signal,
      );
      if (page === 'expired') return all(resource, selection, signal);
      items.push(...page.items);
      continueToken = page.continueToken;
      if (continueToken === '') return items;
    }
  };
  const selectionOf = (filter: JobFilter) => ({
    ...(filter.namespace && { namespace: filter.namespace }),
    ...(filter.name && { fieldSelector: `metadata.name=${filter.name}` }),
  });
  const podsOf = async ({ namespace: at, name }: JobKey, signal: AbortSignal): Promise<V1Pod[]> => {
    const pods = await all<V1Pod>(resources.pods, { namespace: at, labelSelector: `${labels.job}=${name}` }, signal);
    return pods.sort((a, b) => createdMs(a) - createdMs(b));
  };

  return {
    namespace,
    async get(key, signal) {
      const object = await client.get(resources.fineTuneJobs, key, signal);
      if (!object) return undefined;
      const index = new JobIndex('once');
      index.put(jobResourceOf(object));
      index.setWorkers(key, (await podsOf(key, signal)).filter(isWorker).map(workerOf));
      const fieldSelector = `involvedObject.name=${key.name},involvedObject.kind=FineTuneJob`;
      const events = await all<CoreV1Event>(resources.events, { namespace: key.namespace, fieldSelector }, signal);
      index.setEvents(
        key,
        events.map(eventOf).sort((a, b) => Number(a.timeMs) - Number(b.timeMs)),
      );
      return index.get(key);
    },
    async list(filter, signal) {
      const index = new JobIndex('once');
      for (const object of await all(resources.fineTuneJobs, selectionOf(filter), signal))
        index.put(jobResourceOf(object));
      return (await index.list(filter, { size: Number.MAX_SAFE_INTEGER, token: '' }, async () => true)).jobs;
    },
    async *changes(filter, signal) {
      // A first call of its own: what is wrong now (rights, no CRD) is told at once; the reflector would try for ever.
      await client.list(resources.fineTuneJobs, { ...selectionOf(filter), limit: 1 }, signal);
      const index = new JobIndex('once');
      const ended = new AbortController();
      const running = AbortSignal.any([signal, ended.signal]);
      const reflector = createReflector({
        client,
        resource: resources.fineTuneJobs,
        selection: selectionOf(filter),
        clock,
        log,
        random: Math.random,
        onChange(object) {
          const resource = jobResourceOf(object);
          const present = reflector.get(resource.namespace, resource.name);
          if (present) index.put(jobResourceOf(present));
          else index.remove(resource);
        },
      });
      const run = reflector.run(running).catch(() => {});
      try {
        await reflector.synced;
        yield* index.changes(filter, '', signal);
      } finally {
        ended.abort();
        await run;
      }
    },
    async pods(key, signal) {
      return (await podsOf(key, signal)).map(({ metadata }) => metadata?.name ?? '');
    },
    async *log(at, pod, { follow, tailLines }, signal) {
      const path = pathOf(resources.pods, { namespace: at, name: pod, subresource: 'log' });
      const query = { follow, tailLines: tailLines > 0 ? tailLines : undefined };
      const answer = await http.send({ method: 'GET', path, query, signal });
      if (answer.status !== 200) {
        const chunks: Buffer[] = [];
        for await (const chunk of answer.body) chunks.push(chunk as Buffer);
        const what = Buffer.concat(chunks).toString().slice(0, 500);
        fail('ApiRefused', { call: `GET ${path}`, code: answer.status, reason: '', what });
      }
      yield* linesOf(answer.body);
    },
    close: () => http.close(),
  };
}

async function* linesOf(body: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}

const worker: Role = 'worker';
const isWorker = ({ metadata }: V1Pod): boolean => metadata?.labels?.[labels.role] === worker;
const createdMs = ({ metadata }: V1Pod): number => timeMs(metadata?.creationTimestamp);
const timeMs = (time: unknown): number => (time ? new Date(time as string).getTime() : 0);

const workerOf = ({ metadata, spec, status }: V1Pod): LiveWorker => ({
  uid: metadata?.uid ?? '',
  id: metadata?.name ?? '',
  node: spec?.nodeName ?? '',
  joined: status?.conditions?.some(({ type, status: held }) => type === 'Ready' && held === 'True') ?? false,
});

const eventOf = ({
  eventTime,
  firstTimestamp,
  lastTimestamp,
  count,
  type,
  reason,
  message,
}: CoreV1Event): JobEventInput => ({
  timeMs: timeMs(lastTimestamp ?? eventTime),
  type: type ?? 'Normal',
  reason: reason ?? '',
  message: message ?? '',
  count: count ?? 1,
  firstMs: timeMs(firstTimestamp ?? eventTime),
});
