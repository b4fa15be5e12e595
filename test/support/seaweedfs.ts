import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from './freePort.js';
import { answering, type S3Server } from './versitygw.js';

const bucket = 'contract';
const credentials = { accessKeyId: 'contract-access', secretAccessKey: 'contract-secret' };
/** Each of its servers listens twice: for HTTP and for gRPC. */
const servers = ['master', 'volume', 'filer', 's3'] as const;

/** Starts SeaweedFS (`weed`, a prebuilt program) on free ports over a temporary folder, with one bucket. */
export async function startSeaweedfs(weed: string): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'seaweedfs-'));
  const identity = {
    name: 'contract',
    credentials: [{ accessKey: credentials.accessKeyId, secretKey: credentials.secretAccessKey }],
    actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
  };
  await writeFile(join(folder, 's3.json'), JSON.stringify({ identities: [identity] }));
  const ports: string[] = [];
  let s3Port = 0;
  for (const server of servers) {
    const [http, grpc] = [await freePort(), await freePort()];
    ports.push(`-${server}.port=${http}`, `-${server}.port.grpc=${grpc}`);
    if (server === 's3') s3Port = http;
  }
  const child = spawn(
    weed,
    [
      ...['server', `-dir=${folder}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1', ...ports],
      ...['-master.volumeSizeLimitMB=64', '-volume.max=32', '-s3', `-s3.config=${join(folder, 's3.json')}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = new Promise<void>((done) => child.once('exit', () => done()));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const connection = { endpoint: `http://127.0.0.1:${s3Port}`, region: 'us-east-1', credentials };
  try {
    await answering(connection.endpoint, child);
    // The filer behind it may come up a little later than the S3 port: the SDK tries again until it has.
    const client = new S3Client({ ...connection, forcePathStyle: true, maxAttempts: 10 });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
  } catch (error) {
    await stop();
    throw error;
  }
  return { connection, bucket, [Symbol.asyncDispose]: stop };
}
