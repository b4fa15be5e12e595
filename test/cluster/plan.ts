/**
 * Every name and address of the test cluster. All of it lies in one private /16, behind one bridge; each node is a set of
 * namespaces (mount, pid, network, host name) held by one process, so that the end of that process is the end of the node.
 */
export const plan = {
  bridge: 'espalier0',
  nodesCidr: '10.213.0.0/24',
  /** The host on the bridge: API server, DNS, and whatever a test lets pods reach. */
  hostIp: '10.213.0.1',
  podsCidr: '10.213.16.0/20',
  fakePodsCidr: '10.213.128.0/17',
  servicesCidr: '10.213.96.0/20',
  apiServiceIp: '10.213.96.1',
  dnsServiceIp: '10.213.96.10',
  apiPort: 6443,
  /** etcd listens on an address of its own in 127/8: reachable from the host alone, and no clash with another etcd. */
  etcdIp: '127.213.0.1',
} as const;

/** A real node: kubelet, containerd and kube-proxy in namespaces of their own. */
export interface NodePlan {
  readonly name: string;
  readonly ip: string;
  readonly podCidr: string;
  /** The host's end of the cable; the node's end is eth0. */
  readonly link: string;
  readonly cgroup: string;
}

export const nodePlans: readonly NodePlan[] = [1, 2].map((number) => ({
  name: `node-${number}`,
  ip: `10.213.0.1${number}`,
  podCidr: `10.213.${15 + number}.0/24`,
  link: `espalier-n${number}`,
  cgroup: `espalier-node-${number}`,
}));

export const apiUrl = `https://${plan.hostIp}:${plan.apiPort}`;
