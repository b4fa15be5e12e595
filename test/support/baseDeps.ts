import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import type { Base } from '../../worker/model/base.js';
import type { BaseDeps } from '../../worker/model/resolve.js';
import type { HubSettings } from '../../worker/model/sources/hubSettings.js';
import { createMemoryStore } from '../../worker/store/memory.js';

/** Dependencies of resolveBase below one folder: no pauses, no network, no Python; log messages are kept. */
export function aBaseDeps(folder: string, more: Partial<BaseDeps> = {}): BaseDeps & { readonly messages: string[] } {
  const messages: string[] = [];
  const log = createLogger((line) => messages.push((JSON.parse(line) as { message: string }).message));
  return {
    cacheDirectory: `${folder}/cache`,
    hub: aHub(folder, 'http://127.0.0.1:9'),
    openStore: () => createMemoryStore(),
    python: null,
    workingFolder: folder,
    clock: {
      ...systemClock,
      sleep: (_delayMs, signal) => (signal?.aborted ? Promise.reject(signal.reason) : new Promise(setImmediate)),
    },
    log,
    messages,
    ...more,
  };
}

export const aHub = (folder: string, endpoint: string, more: Partial<HubSettings> = {}): HubSettings => ({
  endpoint,
  token: null,
  cacheDirectory: `${folder}/hub`,
  httpProxy: '',
  httpsProxy: '',
  noProxy: '',
  ...more,
});

/** Every tensor of a base, as it lies on disk. */
export async function valuesOf(base: Base): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, { file, offset, bytes }] of base.tensors) {
    const handle = await open(join(base.directory, file));
    const buffer = new ArrayBuffer(bytes);
    await handle.read(new Uint8Array(buffer), 0, bytes, offset);
    await handle.close();
    values.set(name, new Float32Array(buffer));
  }
  return values;
}
