import { attempt, type Outcome } from '../cluster/command.js';
import { pathsFor } from '../cluster/paths.js';
import { ensureClients } from '../cluster/tools.js';
import type { ControlPlane } from './aControlPlane.js';

export interface KubectlOptions {
  readonly input?: string;
  readonly signal?: AbortSignal;
}

/** The real kubectl, as administrator of a control plane. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<Outcome>;

export async function kubectlFor({ kubeconfigPath }: Pick<ControlPlane, 'kubeconfigPath'>): Promise<Kubectl> {
  const { kubectl } = await ensureClients(pathsFor(process.env).tools, () => {});
  // Its own cache of discovery would outlive the server whose port another may get.
  const cache = `${kubeconfigPath}.cache`;
  return (args, options = {}) =>
    attempt(kubectl, ['--kubeconfig', kubeconfigPath, '--cache-dir', cache, ...args], options);
}
