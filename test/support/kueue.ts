import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { systemClock } from '../../common/clock.js';
import type { KubeClient } from '../../controller/cluster/kube/client.js';
import type { KubernetesObject } from '../../controller/cluster/kube/objects.js';
import type { Resource } from '../../controller/cluster/kube/resources.js';
import { run } from '../cluster/command.js';

/** The release whose CustomResourceDefinitions the tests install, and the hash of its Go module. */
const release = {
  module: 'sigs.k8s.io/kueue',
  version: 'v0.17.0',
  sum: 'h1:7hzb38M4eKGzYW+CFv2s1L+swzzacUCHOCXxZmAV90I=',
} as const;
const plurals = ['workloads', 'localqueues', 'clusterqueues', 'resourceflavors'] as const;

const crds: Resource<KubernetesObject> = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
};

const served = 'kueue.x-k8s.io/v1beta2';
export interface Workload extends KubernetesObject {
  readonly spec: object;
  readonly status?: object;
}
export const workloads: Resource<Workload> = { apiVersion: served, kind: 'Workload', plural: 'workloads' };
export const localQueues: Resource<Workload> = { apiVersion: served, kind: 'LocalQueue', plural: 'localqueues' };

/** Installs Kueue's own CustomResourceDefinitions; its controller is played by the test. */
export async function installKueue(client: KubeClient, signal: AbortSignal): Promise<void> {
  const found = await run('go', ['mod', 'download', '-json', `${release.module}@${release.version}`], { signal });
  const { Dir, Sum } = JSON.parse(found) as { Dir: string; Sum: string };
  assert.equal(Sum, release.sum, 'the module is not the one that was looked at');
  for (const plural of plurals) {
    const text = await readFile(join(Dir, 'config/components/crd/bases', `kueue.x-k8s.io_${plural}.yaml`), 'utf8');
    await client.create(crds, parse(text) as KubernetesObject, signal);
  }
  for (const plural of plurals) await established(client, plural, signal);
}

async function established(client: KubeClient, plural: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    // Not found, or 429 while its storage comes up.
    const answer = await client.raw(`/apis/${served}/${plural}`, {}, signal).catch(() => undefined);
    if (answer) return;
    await systemClock.sleep(100, signal);
  }
}
