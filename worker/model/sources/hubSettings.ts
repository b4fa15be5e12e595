import { homedir } from 'node:os';
import { join } from 'node:path';

/** How to reach the hub; filled from the environment by a composition root. */
export interface HubSettings {
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly token: string | null;
  /** The hub's cache folder, shared with Hugging Face's own tools. */
  readonly cacheDirectory: string;
  /** Proxy URLs; empty = none. `noProxy` is the usual comma-separated list. */
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

/** HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE or HF_HOME, and the proxy variables, with the meaning Hugging Face gives them. */
export function hubSettings(env: Readonly<Record<string, string | undefined>>): HubSettings {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const either = (name: string) => env[name.toLowerCase()] || env[name] || '';
  return {
    endpoint: (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    token: env.HF_TOKEN || null,
    cacheDirectory: env.HF_HUB_CACHE || join(home, 'hub'),
    httpProxy: either('HTTP_PROXY'),
    httpsProxy: either('HTTPS_PROXY'),
    noProxy: either('NO_PROXY'),
  };
}
