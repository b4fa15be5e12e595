import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { mayBeAlive, ownerName } from '../../worker/store/owner.js';

/** Paths of sockets hold about a hundred characters: the host is named by a part of its hash. */
const thisHost = (): string => createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const pattern = /^espalier-([0-9a-f]{8})-(\d+)-(\w+)-\w{6}$/;

/**
 * A new folder for the sockets of one launch, named after this process. Those that killed launchers of this host left behind
 * are removed on the way.
 */
export async function socketFolder(parent = tmpdir()): Promise<string> {
  for (const name of await readdir(parent)) {
    const [, host, pid, start] = pattern.exec(name) ?? [];
    if (host !== thisHost() || mayBeAlive(`${hostname()}:${pid}:${start}`)) continue;
    // Another user's folder is not ours to remove.
    await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
  }
  const [, pid, start] = ownerName().split(':');
  return await mkdtemp(join(parent, `espalier-${thisHost()}-${pid}-${start}-`));
}
