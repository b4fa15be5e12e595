import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { removeCgroup } from './cgroups.js';
import { removeNetwork } from './network.js';
import { emptyNode, killNode } from './node.js';
import type { Paths } from './paths.js';
import { nodePlans } from './plan.js';
import { isAlive, recordOf, records, stopProcess } from './processes.js';
import type { Report } from './tools.js';

/**
 * Ends the cluster and everything of it, in whatever state it is. A node's mounts, network, firewall rules and processes
 * live in namespaces that end with its first process, so what is left to remove here is little.
 */
export async function down(paths: Paths, report: Report): Promise<void> {
  for (const node of nodePlans) {
    const clean = await nodeIsWhole(paths, node.name);
    if (clean) await emptyNode(paths, node);
    await killNode(paths, node);
    // A store that was cut off in mid-write is not trusted: images are imported again.
    if (!clean && existsSync(paths.node(node.name)))
      await rm(paths.imageStore(node.name), { recursive: true, force: true });
  }
  const rest = await records(paths);
  if (rest.length > 0) report(`stopping ${rest.map(({ name }) => name).join(', ')}`);
  // The data goes too: nothing here has anything to finish.
  await Promise.all(rest.map((record) => stopProcess(record, 0)));
  for (const { cgroup } of nodePlans) await removeCgroup(cgroup);
  await removeNetwork();
  await rm(paths.state, { recursive: true, force: true });
}

async function nodeIsWhole(paths: Paths, name: string): Promise<boolean> {
  for (const part of [name, `${name}.init`, `${name}.containerd`]) {
    const record = await recordOf(paths, part);
    if (!record || !(await isAlive(record))) return false;
  }
  return true;
}
