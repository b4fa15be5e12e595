import { mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { makeCgroup, removeCgroup } from './cgroups.js';
import { attempt } from './command.js';
import { type Environment, pathsFor } from './paths.js';

export type Verdict =
  | { readonly runs: true; readonly where: 'here' | 'theirs'; readonly how: string }
  | { readonly runs: false; readonly why: string };

const gib = 2 ** 30;
const leastMemory = 4 * gib;
const leastDisk = 8 * gib;

/** Can tests of the cluster run? What a node needs is tried, not guessed; the answer is for the reader of a test's log. */
export async function probe(environment: Environment): Promise<Verdict> {
  const { KUBECONFIG, IMAGE_REGISTRY } = environment;
  if (KUBECONFIG && IMAGE_REGISTRY)
    return {
      runs: true,
      where: 'theirs',
      how: `on the cluster of ${KUBECONFIG}, images by ${IMAGE_REGISTRY}; tests that stop a control plane are left out`,
    };
  for (const [what, look] of Object.entries(needs)) {
    const why = await look(environment).catch((error: unknown) => String(error));
    if (why !== undefined) return { runs: false, why: `${what}: ${why}` };
  }
  const ignored = KUBECONFIG ? '; KUBECONFIG is set without IMAGE_REGISTRY and is left alone' : '';
  return { runs: true, where: 'here', how: `on two nodes of this machine (${availableParallelism()} CPUs)${ignored}` };
}

type Need = (environment: Environment) => Promise<string | undefined>;

const needs: Readonly<Record<string, Need>> = {
  'Linux as root': async () =>
    process.platform !== 'linux'
      ? `this is ${process.platform}`
      : process.getuid?.() === 0
        ? undefined
        : `this is user ${process.getuid?.()}; nodes are namespaces, cgroups and a bridge`,
  'Go for building Kubernetes': async () => {
    const found = await attempt('go', ['version']).catch(() => undefined);
    return found?.code === 0 ? undefined : 'go is not installed: apt-get install golang-go';
  },
  'pip for kubectl and helm': async () => {
    const found = await attempt('python3', ['-m', 'pip', '--version']).catch(() => undefined);
    return found?.code === 0 ? undefined : 'python3 -m pip does not run';
  },
  memory: async () =>
    totalmem() >= leastMemory
      ? undefined
      : `${(totalmem() / gib).toFixed(1)} GiB (${(freemem() / gib).toFixed(1)} free), 4 are needed`,
  'disk for images and pods': async (environment) => {
    const { images } = pathsFor(environment);
    await mkdir(images, { recursive: true });
    const { bavail, bsize } = await statfs(images);
    return bavail * bsize >= leastDisk
      ? undefined
      : `${((bavail * bsize) / gib).toFixed(1)} GiB at ${images}, 8 are needed`;
  },
  'namespaces, mounts and links': async (environment) => {
    const { images } = pathsFor(environment);
    const unshared = [
      '--mount',
      '--propagation',
      'private',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--fork',
      '--kill-child',
    ];
    const { code, stderr } = await attempt('unshare', [...unshared, 'sh', '-euc', tries, images]);
    return code === 0 ? undefined : stderr.trim() || `unshare ended with ${code}`;
  },
  cgroups: async () => {
    await makeCgroup('espalier-probe');
    await removeCgroup('espalier-probe');
    return undefined;
  },
};

/** What a node does at its start, in namespaces that end with this script. An overlay on an overlay is what fails in a container. */
const tries = `
mount -t proc proc /proc
cd "$0"
rm -rf probe && mkdir -p probe/lower probe/upper probe/work probe/merged
mount -t overlay overlay -o lowerdir=probe/lower,upperdir=probe/upper,workdir=probe/work probe/merged
umount probe/merged
rm -r probe
ip link add probe0 type bridge
ip link add probe1 type veth peer name probe2
hostname probe
`;
