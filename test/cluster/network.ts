import { attempt, run } from './command.js';
import { type NodePlan, nodePlans, plan } from './plan.js';

const prefix = plan.nodesCidr.split('/')[1]!;

/** The bridge between host and nodes, with routes to pods and services: all of it goes when the bridge goes. */
export async function makeBridge(): Promise<void> {
  await refuseForeignRoutes();
  await batch([
    `link add ${plan.bridge} type bridge`,
    `address add ${plan.hostIp}/${prefix} dev ${plan.bridge}`,
    `link set ${plan.bridge} up`,
    ...nodePlans.map(({ ip, podCidr }) => `route add ${podCidr} via ${ip} dev ${plan.bridge}`),
    // The API server calls webhooks by their service's address: the first node's kube-proxy translates for the host.
    `route add ${plan.servicesCidr} via ${nodePlans[0]!.ip} dev ${plan.bridge}`,
  ]);
}

/** A cable from the bridge into the network namespace of a process. */
export async function plugIn(node: NodePlan, pid: number): Promise<void> {
  await batch([
    `link add ${node.link} type veth peer name eth0 netns ${pid}`,
    `link set ${node.link} master ${plan.bridge} up`,
  ]);
  const others = nodePlans.filter(({ name }) => name !== node.name);
  const inside = [
    'link set lo up',
    `address add ${node.ip}/${prefix} dev eth0`,
    'link set eth0 up',
    `route add default via ${plan.hostIp}`,
    ...others.map(({ podCidr, ip }) => `route add ${podCidr} via ${ip}`),
  ];
  await run('nsenter', ['--net', '-t', `${pid}`, 'ip', '-batch', '-'], { input: `${inside.join('\n')}\n` });
}

/** Takes a node's cable down or up again: what a test of a lost node needs. */
export async function setLink(node: NodePlan, state: 'up' | 'down'): Promise<void> {
  await run('ip', ['link', 'set', node.link, state]);
}

export async function removeNetwork(): Promise<void> {
  for (const link of [plan.bridge, ...nodePlans.map(({ link: name }) => name)]) {
    const { code } = await attempt('ip', ['link', 'show', 'dev', link]);
    if (code !== 0) continue;
    // The cable of a node that was just killed goes with its namespace, possibly between the two commands.
    const removed = await attempt('ip', ['link', 'del', link]);
    if (removed.code !== 0 && !/Cannot find device/.test(removed.stderr)) throw new Error(removed.stderr);
  }
}

async function batch(commands: readonly string[]): Promise<void> {
  await run('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` });
}

/** A network of the machine that overlaps ours would be cut off: better no cluster than that. */
async function refuseForeignRoutes(): Promise<void> {
  const routes = (await run('ip', ['-4', 'route', 'show', 'root', '10.213.0.0/16'])).trim();
  if (routes) throw new Error(`the test cluster uses 10.213.0.0/16, and this machine has routes there:\n${routes}`);
}
