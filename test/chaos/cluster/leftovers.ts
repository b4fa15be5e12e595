import { sha256 } from '../../../common/hash.js';
import { collect } from '../../../worker/store/body.js';
import { until } from '../../cluster/command.js';
import {
  children,
  family,
  job,
  listed,
  published,
  publishedFiles,
  remains,
  seconds,
  withoutWorkers,
  workersIn,
} from '../../cluster/e2e/jobs.js';
import type { Site } from '../../cluster/e2e/site.js';

export interface Leftovers {
  readonly sha256: string | undefined;
  /** What is lost or doubled, in words. */
  readonly amiss: readonly string[];
}

/** Looks at all that a finished job left: its objects, its artifact, its events; then deletes it, and nothing may stay. */
export async function leftoversOf(site: Site, name: string, uids: ReadonlySet<string>): Promise<Leftovers> {
  const left = await remains(site, name);
  const { metadata, status } = await job(site, name);
  const recipe = status?.recipeHash?.slice(0, 12) ?? '';
  const stored = await collect(await site.store.read(`out/${name}/${recipe}/adapter_model.safetensors`)).catch(
    () => undefined,
  );
  const found = stored && sha256(stored);
  const jobs = Array.from({ length: (status?.attempt ?? 0) + 1 }, (_, attempt) => `${name}-${attempt}`);
  const selector = `involvedObject.uid=${metadata.uid},reason=Complete`;
  const events = await site.kubectl('get', 'events', '-o', 'name', '--field-selector', selector);
  const amiss = [
    ...unlike('resources', [...new Set([...uids, metadata.uid])], [metadata.uid]),
    ...unlike('hash in the status', [status?.adapterSha256], [found]),
    ...unlike('objects', withoutWorkers(left, name), family(name, jobs)),
    ...unlike('files', await published(site, name), publishedFiles(recipe)),
    ...unlike(
      'events of the end',
      events
        .trim()
        .split('\n')
        .map((_, at) => at),
      [0],
    ),
    ...(workersIn(left, name).some((pod) => pod.endsWith('Succeeded')) ? [] : ['no worker ended well']),
  ];
  await site.kubectl('delete', 'ftj', name, '--wait', '--timeout=180s');
  const isEmpty = async () => (await children(site, name)).length === 0;
  await until('every child is gone', seconds.step, isEmpty).catch(async () => {
    amiss.push(`outlives its job: ${listed(await children(site, name)).join(', ')}`);
  });
  return { sha256: found, amiss };
}

function unlike(what: string, found: readonly unknown[], wanted: readonly unknown[]): readonly string[] {
  const [is, should] = [found.join(', '), wanted.join(', ')];
  return is === should ? [] : [`${what}: ${is}; should be ${should}`];
}
