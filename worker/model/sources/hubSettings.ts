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

/** The proxy for a URL; undefined when it is reached directly. NO_PROXY: host, .suffix, *.suffix, host:port or *. */
export function proxyFor(url: URL, { httpProxy, httpsProxy, noProxy }: HubSettings): string | undefined {
  const proxy = url.protocol === 'https:' ? httpsProxy : httpProxy;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const isExempt = noProxy.split(/[\s,]+/).some((rule) => {
    const [, host = '', rulePort] = /^(?:\*(?=\.))?(.*?)(?::(\d+))?$/.exec(rule.toLowerCase()) ?? [];
    if (host === '' || (rulePort !== undefined && rulePort !== port)) return false;
    return host === '*' || url.hostname === host || url.hostname.endsWith(host.startsWith('.') ? host : `.${host}`);
  });
  return proxy === '' || isExempt ? undefined : proxy;
}
