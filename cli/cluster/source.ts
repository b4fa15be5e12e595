import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fail } from '../../api/errors.js';
import { silentLogger } from '../../common/log.js';
import type { JobReader } from '../../controller/cluster/kube/jobReader.js';
import { flag } from '../command.js';
import type { Deps } from '../deps.js';
import { grpcSource } from './grpcSource.js';
import type { JobSource } from './jobSource.js';

const text = z.string().min(1).optional();

/** Which kubeconfig: flags of every command that needs one. */
export const kubeconfigArguments = {
  namespace: flag(text, 'NAME', "instead of the one of the kubeconfig's context"),
  kubeconfig: flag(text, 'FILE', 'instead of KUBECONFIG and of what kubectl takes'),
  context: flag(text, 'NAME', "instead of the kubeconfig's current one"),
};

/** The same, or the controller's address. */
export const sourceArguments = {
  ...kubeconfigArguments,
  address: flag(text, 'HOST:PORT', "the controller's gRPC status instead of a kubeconfig"),
  token: flag(text, 'TOKEN', 'bearer token for --address, e.g. of kubectl create token'),
  tokenFile: flag(text, 'FILE', 'a file with it'),
  ca: flag(text, 'FILE', 'whom to trust for --address, in PEM; what the system trusts when absent'),
};

export interface SourceFlags {
  readonly namespace?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
}

export async function openSource(command: string, flags: SourceFlags, deps: Deps): Promise<JobSource> {
  if (flags.address === undefined) {
    const wrong = (['token', 'tokenFile', 'ca'] as const).find((name) => flags[name] !== undefined);
    if (wrong) fail('ArgumentInvalid', { command, argument: `--${kebab(wrong)}`, what: 'needs --address', usage: '' });
    return kubeSource(await openReader(flags, deps), deps.signal);
  }
  const token = flags.token ?? (flags.tokenFile && (await readText(flags.tokenFile))) ?? deps.env.ESPALIER_TOKEN;
  if (!token)
    return fail('ArgumentInvalid', {
      command,
      argument: '--address',
      what: 'needs --token or --token-file',
      usage: '',
    });
  return grpcSource({ address: flags.address, token, authority: flags.ca && (await readText(flags.ca)) }, deps);
}

export async function openReader({ kubeconfig, context }: SourceFlags, { env, clock }: Deps): Promise<JobReader> {
  // The Kubernetes client takes longer to load than all the rest: only who asks a cluster waits for it.
  const { openJobReader } = await import('../../controller/cluster/kube/jobReader.js');
  return openJobReader({ path: kubeconfig ?? env.KUBECONFIG, context }, { clock, log: silentLogger });
}

function kubeSource(reader: JobReader, signal: AbortSignal): JobSource {
  return {
    namespace: reader.namespace,
    get: async (key) => (await reader.get(key, signal)) ?? fail('JobUnknown', { ...key }),
    list: (filter) => reader.list(filter, signal),
    changes: (filter, until) => reader.changes(filter, until),
    [Symbol.asyncDispose]: async () => reader.close(),
  };
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    return fail('JobUnreadable', { file: path, reason }, { cause: error });
  }
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The namespace to look in. */
export function namespaceOf(command: string, flags: SourceFlags, source: JobSource): string {
  const namespace = flags.namespace ?? source.namespace;
  return namespace ?? fail('ArgumentInvalid', { command, argument: '--namespace', what: 'is missing', usage: '' });
}
