import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKubeconfig } from './kubeconfig.js';
import type { Paths } from './paths.js';
import { type NodePlan, plan } from './plan.js';

/** Where a node finds its files, seen from inside: its /var/lib is a folder of the cluster's state. */
export const inside = '/var/lib/espalier';

export const pauseImage = 'espalier.local/pause:1';

/** Writes a node's /var/lib and /var/log: configuration, certificates, kubeconfigs. */
export async function writeNodeFiles(paths: Paths, node: NodePlan): Promise<void> {
  const folder = join(paths.node(node.name), 'var-lib', 'espalier');
  const made = [
    folder,
    join(folder, 'cni'),
    join(paths.node(node.name), 'var-lib', 'containerd'),
    join(paths.node(node.name), 'var-log'),
    paths.imageStore(node.name),
  ];
  await Promise.all(made.map((each) => mkdir(each, { recursive: true })));
  await Promise.all([
    copyFile(join(paths.pki, 'ca.crt'), join(folder, 'ca.crt')),
    copyFile(join(paths.pki, `${node.name}.crt`), join(folder, 'node.crt')),
    copyFile(join(paths.pki, `${node.name}.key`), join(folder, 'node.key')),
    writeKubeconfig(paths.pki, node.name, join(folder, 'kubelet.kubeconfig')),
    writeKubeconfig(paths.pki, 'proxy', join(folder, 'kube-proxy.kubeconfig')),
    writeFile(join(folder, 'resolv.conf'), `nameserver ${plan.hostIp}\n`),
    writeFile(join(folder, 'containerd.toml'), containerdConfig),
    writeFile(join(folder, 'cni', '10-espalier.conflist'), json(cniConfig(node))),
    writeFile(join(folder, 'kubelet.json'), json(kubeletConfig(node))),
    writeFile(join(folder, 'kube-proxy.json'), json(proxyConfig(node))),
  ]);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const containerdConfig = `version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${inside}/cni"
`;

const cniConfig = ({ podCidr }: NodePlan) => ({
  cniVersion: '1.0.0',
  name: 'espalier',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

const kubeletConfig = ({ ip, cgroup }: NodePlan) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: ip,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: `${inside}/ca.crt` },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: `${inside}/node.crt`,
  tlsPrivateKeyFile: `${inside}/node.key`,
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${cgroup}`,
  enforceNodeAllocatable: ['pods'],
  failCgroupV1: false,
  failSwapOn: false,
  clusterDomain: 'cluster.local',
  clusterDNS: [plan.dnsServiceIp],
  resolvConf: `${inside}/resolv.conf`,
  // Images are imported, never pulled, so none may be collected; and a development machine's disk is often nearly full.
  imageGCHighThresholdPercent: 100,
  evictionHard: { 'memory.available': '50Mi' },
  serializeImagePulls: false,
});

const proxyConfig = ({ name }: NodePlan) => ({
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  clientConnection: { kubeconfig: `${inside}/kube-proxy.kubeconfig` },
  mode: 'nftables',
  hostnameOverride: name,
  // What comes from outside of the pods (the host) is answered through the node that translated it.
  clusterCIDR: plan.podsCidr,
  healthzBindAddress: '127.0.0.1:10256',
  metricsBindAddress: '127.0.0.1:10249',
  // 0 leaves the machine's connection tracking as it is.
  conntrack: { maxPerCore: 0 },
  nftables: { minSyncPeriod: '100ms' },
});
