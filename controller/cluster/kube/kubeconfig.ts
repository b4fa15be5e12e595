import { KubeConfig } from '@kubernetes/client-node';
import { fail } from '../../../api/errors.js';

export interface KubeconfigChoice {
  /** A file, or several separated by `:` as in KUBECONFIG; absent = kubectl's default, then the pod's own account. */
  readonly path?: string | undefined;
  readonly context?: string | undefined;
}

/** A kubeconfig and the namespace of its context. Throws `KubeconfigUnusable`. */
export function readKubeconfig({ path, context }: KubeconfigChoice): { config: KubeConfig; namespace: string } {
  const config = new KubeConfig();
  const shown = path ?? 'of kubectl';
  const wrong = (why: string, cause?: unknown): never => fail('KubeconfigUnusable', { path: shown, why }, { cause });
  try {
    if (path === undefined) config.loadFromDefault();
    else
      for (const [index, file] of path.split(':').filter(Boolean).entries()) {
        const next = new KubeConfig();
        next.loadFromFile(file);
        if (index === 0) config.loadFromString(next.exportConfig());
        else config.mergeConfig(next, true);
      }
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error), error);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const current = config.getContextObject(config.getCurrentContext());
  if (!current) return wrong(context === undefined ? 'it has no current context' : `it has no context ${context}`);
  if (!config.getCurrentCluster()) return wrong(`its context ${current.name} names no cluster`);
  return { config, namespace: current.namespace ?? 'default' };
}
