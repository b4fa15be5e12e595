import { aLocalPlace } from '../../support/localJob.js';
import type { Site } from './site.js';

/** The same manifest on this machine, by `espalier run`: what its adapter must be in the cluster. */
export async function localAdapter({ s3 }: Site, manifest: object, more: readonly string[] = []): Promise<string> {
  await using place = await aLocalPlace();
  await place.write('job.json', manifest);
  const { credentials, endpointHere } = s3;
  const ended = await place.run(['run', 'job.json', '--endpoint', endpointHere, '--out', 'out', ...more], {
    env: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
  });
  const sha256 = ended.last?.adapterSha256;
  if (ended.exit !== 0 || typeof sha256 !== 'string')
    throw new Error(`the local run ended with ${ended.exit}: ${JSON.stringify(ended.last)}\n${ended.err}`);
  return sha256;
}
