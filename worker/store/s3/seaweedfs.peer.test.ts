import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { storeContract } from '../../../test/contracts/store.js';
import { freshPrefix } from '../../../test/support/s3Bucket.js';
import { startSeaweedfs } from '../../../test/support/seaweedfs.js';

// Its program comes with the peers' Python packages: `npm run test:peer`.
const python = process.env.PEER_PYTHON;
if (python === undefined) throw new Error('PEER_PYTHON names no Python. Run: npm run test:peer');
const server = await startSeaweedfs(join(dirname(python), 'weed'));
after(() => server[Symbol.asyncDispose]());

storeContract('SeaweedFS', async () => freshPrefix(server.connection, server.bucket));
