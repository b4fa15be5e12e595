import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { s3FaultContract } from '../../../test/contracts/s3Faults.js';
import { storeContract } from '../../../test/contracts/store.js';
import { freshPrefix } from '../../../test/support/s3Bucket.js';
import { startEmbeddedS3 } from './server.js';

const folder = await mkdtemp(join(tmpdir(), 'embedded-s3-'));
const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' };
const server = await startEmbeddedS3({ folder, credentials, buckets: ['contract'] });
after(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const connection = { endpoint: server.endpoint, region: server.region, credentials };

storeContract('embedded S3 endpoint', async () => freshPrefix(connection, 'contract'));
await s3FaultContract('embedded S3 endpoint', connection, 'contract');
