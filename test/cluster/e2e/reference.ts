import { aLocalPlace } from '../../support/localJob.js';
import type { Site } from './site.js';

/**
 * The same manifest on this machine, by `espalier run`: what its adapter must be in the cluster. One worker, whatever the
 * manifest says: nobody to exchange with is the cheapest way to the same bits, and the furthest from the cluster's.
 */
export async function localAdapter({ s3 }: Site, manifest: object): Promise<string> {
  await using place = await aLocalPlace();
  await place.write('job.json', manifest);
  const { credentials, endpointHere } = s3;
  const ended = await place.run(['run', 'job.json', '--workers', '1', '--endpoint', endpointHere, '--out', 'out'], {
    env: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
  });
  const sha256 = ended.last?.adapterSha256;
  if (ended.exit !== 0 || typeof sha256 !== 'string')
    throw new Error(`the local run ended with ${ended.exit}: ${JSON.stringify(ended.last)}\n${ended.err}`);
  return sha256;
}
