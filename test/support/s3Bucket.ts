import { randomBytes } from 'node:crypto';
import { systemClock } from '../../common/clock.js';
import type { Connection } from '../../worker/store/connection.js';
import { createS3Store } from '../../worker/store/s3/store.js';
import type { Store } from '../../worker/store/store.js';
import { storeUnder } from '../../worker/store/under.js';

/** An empty part of a bucket. Retries do not wait: tests never sleep. */
export const freshPrefix = (connection: Connection, bucket: string): Store =>
  storeUnder(
    createS3Store({ bucket, connection, clock: systemClock, random: () => 0 }),
    `t-${randomBytes(6).toString('hex')}`,
  );
