import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type ControllerConfig, controllerConfig } from '../api/controllerConfig.js';
import { fail } from '../api/errors.js';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Start {
  readonly config: ControllerConfig;
  /** Where the controller itself runs. */
  readonly namespace: string;
  /** Unique among all controllers that may want the lease. */
  readonly identity: string;
  readonly podName: string | undefined;
  readonly preflight: 'on' | 'off';
}

/** What the chart's file and the pod's environment say. Throws `SettingInvalid`. */
export async function readStart(env: Environment, pid: number): Promise<Start> {
  const path =
    env.ESPALIER_CONFIG ?? fail('SettingInvalid', { name: 'ESPALIER_CONFIG', value: '', what: 'is not set' });
  const bad = (what: string): never => fail('SettingInvalid', { name: 'ESPALIER_CONFIG', value: path, what });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) =>
    bad(`cannot be read: ${error.code}`),
  );
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    return bad('is not JSON');
  }
  const parsed = controllerConfig.safeParse(written);
  if (!parsed.success) return bad(z.prettifyError(parsed.error));
  const namespace = env.POD_NAMESPACE;
  if (!namespace) return fail('SettingInvalid', { name: 'POD_NAMESPACE', value: '', what: 'is not set' });
  const preflight = env.ESPALIER_PREFLIGHT ?? 'on';
  if (preflight !== 'on' && preflight !== 'off')
    return fail('SettingInvalid', { name: 'ESPALIER_PREFLIGHT', value: preflight, what: 'is neither on nor off' });
  const { POD_NAME: podName } = env;
  return {
    config: parsed.data,
    namespace,
    podName,
    preflight,
    identity: podName ?? `${env.HOSTNAME ?? 'host'}-${pid}`,
  };
}
