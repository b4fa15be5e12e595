import { setTimeout as later } from 'node:timers/promises';
import type { KubeApi } from './kubeApi.js';

export interface LogOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly pod: string;
  readonly signal: AbortSignal;
  /** How the pod was seen last. One that has ended writes nothing more; one that is gone has taken its log along. */
  readonly stateOf: () => 'alive' | 'ended' | 'gone';
  readonly onLine: (line: string) => void;
}

const againMs = 300;

/** Follows the log of one pod to its end, however often connections break: each line is told once. */
export async function followLog({ api, namespace, pod, signal, stateOf, onLine }: LogOptions): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?follow=true`;
  let told = 0;
  while (!signal.aborted) {
    const before = stateOf();
    let place = 0;
    try {
      for await (const line of api.lines(path, signal)) {
        place++;
        if (place <= told) continue;
        told = place;
        onLine(line);
      }
      if (before === 'ended') return;
    } catch {
      // The connection broke, or somebody on the way is not there; a kubelet that has just started knows no pod.
    }
    if (stateOf() === 'gone') return;
    await later(againMs, undefined, { signal }).catch(() => {});
  }
}
