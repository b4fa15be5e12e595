import { after } from 'node:test';
import { s3FaultContract } from '../../../test/contracts/s3Faults.js';
import { storeContract } from '../../../test/contracts/store.js';
import { freshPrefix } from '../../../test/support/s3Bucket.js';
import { startVersitygw } from '../../../test/support/versitygw.js';

const server = await startVersitygw();
after(() => server[Symbol.asyncDispose]());

storeContract('versitygw', async () => freshPrefix(server.connection, server.bucket));
await s3FaultContract('versitygw', server.connection, server.bucket);
