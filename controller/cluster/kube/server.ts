import { EspalierError, fail } from '../../../api/errors.js';
import { apiVersion } from '../../../api/fineTuneJob.js';
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import type { KubeClient } from './client.js';
import { resources } from './resources.js';

/**
 * Minor versions of Kubernetes 1 that Espalier is made for. The oldest is the first in which everything that the worker Job
 * rests on is stable: success policy, back-off per index, pod replacement policy.
 */
export const supported = { oldest: 34, newest: 37 } as const;

export interface ServerDeps {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

const pauseMs = 2000;

/**
 * What the controller must know before its first watch: that this Kubernetes is not too old, and that FineTuneJob is served.
 * A server that does not answer yet is waited for. Throws `KubernetesTooOld` and `ResourceNotServed`.
 */
export async function checkServer(client: KubeClient, { clock, log }: ServerDeps, signal: AbortSignal): Promise<void> {
  const ask = async <T>(path: string): Promise<T | undefined> => {
    for (;;) {
      try {
        return await client.raw<T>(path, {}, signal);
      } catch (error) {
        if (!EspalierError.is(error, 'ApiUnreachable')) throw error;
        log.warn('the API server does not answer yet', { error: error.message });
        await clock.sleep(pauseMs, signal);
      }
    }
  };
  const version = await ask<{ readonly gitVersion?: string; readonly major?: string; readonly minor?: string }>(
    '/version',
  );
  const name = version?.gitVersion ?? 'unknown';
  // Providers write a minor version such as `34+`.
  const minor = Number.parseInt(version?.minor ?? '', 10);
  if (version?.major !== '1' || !(minor >= supported.oldest))
    fail('KubernetesTooOld', { version: name, oldest: `1.${supported.oldest}` });
  if (minor > supported.newest)
    log.warn(`Kubernetes ${name} is newer than those that this Espalier was tested on`, {
      tested: `1.${supported.oldest} to 1.${supported.newest}`,
    });
  const { plural } = resources.fineTuneJobs;
  const group = await ask<{ readonly resources?: readonly { readonly name: string }[] }>(`/apis/${apiVersion}`);
  if (!group?.resources?.some((resource) => resource.name === plural))
    fail('ResourceNotServed', { resource: `${plural} of ${apiVersion}` });
  log.info('the API server has what is needed', { version: name });
}
