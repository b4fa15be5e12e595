import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../common/root.js';
import { openStore } from '../../../worker/store/open.js';
import type { Store } from '../../../worker/store/store.js';
import { rows } from '../../support/localJob.js';
import { writeTinyBase } from '../../support/tinyBase.js';
import { type Cluster, openCluster } from '../cluster.js';
import type { ClusterS3 } from '../s3.js';

/** Where the tests install the chart, as an operator would. */
export const system = 'espalier-e2e';
export const release = 'espalier';

/** A namespace on a real cluster with the chart installed, an S3 server, a tiny base and data. */
export interface Site extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly s3: ClusterS3;
  /** The bucket of the S3 server, seen from here. */
  readonly store: Store;
  readonly images: { readonly controller: string; readonly worker: string };
  /** In the site's namespace. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** What lies below the site's namespace in one API, e.g. `/api/v1`. */
  read(api: string, path: string, query?: Readonly<Record<string, string>>): Promise<string>;
  upload(key: string, body: Uint8Array | string): Promise<void>;
  uploadFolder(prefix: string, folder: string): Promise<void>;
}

/** The Secret of the connection `store`, by the keys that docs/reference/finetunejob.md names. */
export const secretName = 'store';

export async function openSite(namespace: string): Promise<Site> {
  const report = (line: string) => process.stderr.write(`${line}\n`);
  const cluster = await openCluster({ report });
  const images = await cluster.loadProjectImages();
  await removeLeftovers(cluster, namespace);
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(namespaceObject(namespace)));
  const [s3] = await Promise.all([cluster.startS3(namespace), install(cluster, images)]);
  const { credentials, region, bucket, endpointHere: endpoint } = s3;
  await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], JSON.stringify(secretObject(s3)));
  const store = await openStore(`s3://${bucket}`, { endpoint, region, credentials });
  const upload = async (key: string, body: Uint8Array | string) => {
    await store.write(key, typeof body === 'string' ? Buffer.from(body) : body);
  };
  const uploadFolder = async (prefix: string, folder: string) => {
    for (const file of await readdir(folder)) await store.write(`${prefix}/${file}`, { file: join(folder, file) });
  };
  const base = await mkdtemp(join(tmpdir(), 'espalier-site-'));
  try {
    await uploadFolder('bases/tiny', await writeTinyBase(join(base, 'tiny')));
  } finally {
    await rm(base, { recursive: true });
  }
  await upload('data/train.jsonl', rows(16));
  return {
    cluster,
    namespace,
    s3,
    store,
    images,
    kubectl: (...args) => cluster.kubectl(['-n', namespace, ...args]),
    read: (api, path, query) => cluster.read(`${api}/namespaces/${namespace}/${path}`, query),
    upload,
    uploadFolder,
    async [Symbol.asyncDispose]() {
      await s3[Symbol.asyncDispose]();
      // Jobs first, as docs/operators.md says: a namespace that goes with a Job in back-off waits for ever for its pods.
      await cluster.kubectl(['-n', namespace, 'delete', 'finetunejobs', '--all', '--wait', '--timeout=180s']);
      await cluster.kubectl(['delete', 'namespace', namespace, '--wait', '--timeout=180s']);
    },
  };
}

/** Of a run that was killed. */
async function removeLeftovers({ kubectl }: Cluster, namespace: string): Promise<void> {
  const wait = ['--ignore-not-found', '--wait', '--timeout=180s'];
  const found = await kubectl(['get', 'namespace', namespace, '--ignore-not-found', '-o', 'name']);
  if (found === '') return;
  await kubectl(['-n', namespace, 'delete', 'finetunejobs,jobs', '--all', ...wait]).catch(() => undefined);
  await kubectl(['delete', 'namespace', namespace, ...wait]);
}

/** As the page for operators says; the images are those of this tree. */
export async function install({ helm }: Cluster, images: Site['images']): Promise<string> {
  const values = { images: { controller: imageValue(images.controller), cpu: imageValue(images.worker) } };
  const chart = join(packageRoot(), 'charts/espalier');
  return helm(
    ['upgrade', '--install', release, chart, '--namespace', system, '--create-namespace', '--values', '-', '--wait', '--timeout', '5m'], // biome-ignore format: one command
    JSON.stringify(values),
  );
}

function imageValue(name: string): { readonly repository: string; readonly tag: string } {
  const colon = name.lastIndexOf(':');
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

/** The strictest pod security there is: whatever Espalier makes must pass it. */
const namespaceObject = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
});

const secretObject = ({ credentials }: ClusterS3) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: secretName },
  stringData: {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  },
});
