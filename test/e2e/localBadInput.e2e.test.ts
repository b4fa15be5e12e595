import assert from 'node:assert/strict';
import { cp, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../common/root.js';
import { aLocalPlace, aManifest, type CliEnd, type StartOptions } from '../support/localJob.js';
import { startVersitygw } from '../support/versitygw.js';

const place = await aLocalPlace();
const s3 = await startVersitygw();
after(async () => {
  await s3[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});
const goldens = join(packageRoot(), 'test/golden');

/** A copy of the place's base with some files changed; its name. */
async function aBase(name: string, change: (folder: string) => Promise<unknown>): Promise<string> {
  await cp(place.path('base'), place.path(name), { recursive: true });
  await change(place.path(name));
  return name;
}

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

/** A base whose weights file says something else about itself. */
const lyingBase = (name: string, lie: (header: Header) => void) =>
  aBase(name, async () => {
    const whole = await readFile(place.path('base/model.safetensors'));
    const length = Number(whole.readBigUInt64LE(0));
    const header = JSON.parse(whole.subarray(8, 8 + length).toString('utf8')) as Header;
    lie(header);
    // Blanks keep the header's length, and with it every offset of the file.
    const text = Buffer.from(JSON.stringify(header).padEnd(length, ' '));
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(text.length));
    await place.write(`${name}/model.safetensors`, Buffer.concat([prefix, text, whole.subarray(8 + length)]));
  });

/** A tiny GGUF model, damaged. */
async function aGguf(name: string, damage: (bytes: Buffer) => Buffer | undefined): Promise<string> {
  const bytes = await readFile(join(goldens, 'gguf/gpt2-bpe.gguf'));
  await place.write(name, damage(bytes) ?? bytes);
  return name;
}

/** Where a tensor's type and offset stand: after its name, its dimensions and their count. */
function offsetField(bytes: Buffer, tensor: string): number {
  const dimensions = bytes.indexOf(tensor) + tensor.length;
  return dimensions + 4 + 8 * bytes.readUInt32LE(dimensions) + 4;
}

const withJson = (name: string, fields: object) =>
  aBase(name, async (folder) => {
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    await place.write(`${name}/config.json`, { ...config, ...fields });
  });

/** Runs the job with other data. */
async function withData(name: string, content: string | Uint8Array): Promise<CliEnd> {
  await place.write(name, content);
  return place.run(['run', 'job.json', '--set', `spec.data.train=[{"source":"${name}"}]`]);
}

/** One coded error, exit code 2, no worker started, nothing published. */
async function refused(end: CliEnd, name: string): Promise<Record<string, unknown>> {
  assert.deepEqual([end.last?.name, end.exit], [name, 2], JSON.stringify(end.last));
  assert.equal(end.events.filter(({ event }) => event === 'error').length, 1);
  assert.ok(!end.events.some(({ event, phase }) => event === 'phase' && phase === 'train'), 'workers were started');
  const published = await readdir(place.path('out'), { recursive: true }).catch(() => []);
  assert.deepEqual(
    published.filter((path) => path.endsWith('.json') || path.endsWith('.safetensors')),
    [],
  );
  return end.last as Record<string, unknown>;
}

const runOn = (base: string) => place.run(['run', 'job.json', '--base', base]);

test('a base that is not there', async () => {
  await refused(await runOn('nowhere'), 'BaseMissing');
});

test('safetensors that were cut off', async () => {
  const base = await aBase('cut', (folder) => truncate(join(folder, 'model.safetensors'), 500_000));
  const { facts } = await refused(await runOn(base), 'SafetensorsInvalid');
  assert.equal((facts as { rule: string }).rule, 'beyondFile');
});

const lies: Readonly<Record<string, readonly [rule: string, lie: (header: Header) => void]>> = {
  'offsets that do not fit the shape': [
    'bytes',
    (header) => {
      header['model.norm.weight']!.shape = [4];
    },
  ],
  'tensors that overlap': [
    'overlap',
    (header) => {
      header['model.norm.weight']!.data_offsets = header['model.layers.0.input_layernorm.weight']!.data_offsets;
    },
  ],
  'data beyond the end of the file': [
    'beyondFile',
    (header) => {
      const last = Object.values(header).reduce((a, b) =>
        (a.data_offsets?.[1] ?? 0) > (b.data_offsets?.[1] ?? 0) ? a : b,
      );
      last.shape = [last.shape.reduce((size, dimension) => size * dimension, 1) + 64];
      last.data_offsets[1] += 256;
    },
  ],
};
for (const [what, [rule, lie]] of Object.entries(lies))
  test(`safetensors that lie: ${what}`, async () => {
    const end = await runOn(await lyingBase(rule, lie));
    const { facts } = await refused(end, 'SafetensorsInvalid');
    assert.equal((facts as { rule: string }).rule, rule);
  });

test('safetensors whose header claims more than the file', async () => {
  const base = await aBase('claims', async () => {
    const bytes = await readFile(place.path('base/model.safetensors'));
    bytes.writeBigUInt64LE(1n << 60n, 0);
    await place.write('claims/model.safetensors', bytes);
  });
  await refused(await runOn(base), 'SafetensorsInvalid');
});

test('a GGUF file that was cut off', async () => {
  await refused(await runOn(await aGguf('cut.gguf', (bytes) => bytes.subarray(0, 50_000))), 'GgufInvalid');
});

test('a GGUF file that claims more tensors than it has room for', async () => {
  await refused(
    await runOn(await aGguf('count.gguf', (bytes) => void bytes.writeBigUInt64LE(1n << 40n, 8))),
    'GgufInvalid',
  );
});

test('GGUF files whose tensors overlap or lie beyond the end', async () => {
  const moved = (name: string, offset: bigint) =>
    aGguf(name, (bytes) => void bytes.writeBigUInt64LE(offset, offsetField(bytes, 'output_norm.weight')));
  await refused(await runOn(await moved('overlap.gguf', 0n)), 'GgufInvalid');
  await refused(await runOn(await moved('beyond.gguf', 1n << 40n)), 'GgufInvalid');
});

test('an unknown architecture', async () => {
  const base = await withJson('mamba', { architectures: ['MambaForCausalLM'], model_type: 'mamba' });
  await refused(await runOn(base), 'ArchitectureUnsupported');
});

test('a tokenizer with more ids than the base embeds', async () => {
  const base = await aBase('foreign', async (folder) => {
    const packed = await readFile(join(goldens, 'data-tokenizers/smollm2/tokenizer.json.gz'));
    await place.write('foreign/tokenizer.json', gunzipSync(packed));
    return folder;
  });
  await refused(await runOn(base), 'TokenizerMismatch');
});

test('data that is empty, not UTF-8, or holds a line of 10 MB', async () => {
  await refused(await withData('empty.jsonl', ''), 'DataEmpty');
  await refused(await withData('latin1.jsonl', Buffer.from('{"text":"caf\xe9"}\n', 'latin1')), 'DataNotUtf8');
  await refused(await withData('long.jsonl', `{"text":"${'long '.repeat(2_000_000)}"}\n`), 'DataLineTooLong');
});

test('data without one token to learn', async () => {
  const row = { messages: [{ role: 'user', content: 'nobody answers' }] };
  const end = await withData('unanswered.jsonl', `${JSON.stringify(row)}\n`);
  assert.ok(['SupervisionEmpty', 'DataUnusable'].includes(String(end.last?.name)), JSON.stringify(end.last));
  await refused(end, String(end.last?.name));
});

test('rank 0', async () => {
  const end = await place.run(['run', 'job.json', '--set', 'spec.method.lora.rank=0']);
  const { message } = await refused(end, 'JobInvalid');
  assert.match(String(message), /spec\.method\.lora\.rank/);
});

test('an unknown target module: the nearest names are offered', async () => {
  const end = await place.run(['run', 'job.json', '--set', 'spec.method.lora.targetModules=["q_prj"]']);
  const { remedy } = await refused(end, 'TargetsUnmatched');
  assert.match(String(remedy), /q_proj/);
});

const keys = ({ accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string }): StartOptions => ({
  env: {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
  },
});

for (const command of ['run', 'validate'])
  test(`${command}: a bucket that is not there, wrong credentials, and none`, async () => {
    const job = aManifest({
      connections: [{ name: 'store', endpoint: s3.connection.endpoint }],
      output: { destination: 's3://absent/models/', connection: 'store' },
    });
    await place.write('absent.json', job);
    await place.write('present.json', {
      ...job,
      spec: { ...job.spec, output: { ...job.spec.output, destination: `s3://${s3.bucket}/x/` } },
    });
    const right = s3.connection.credentials!;
    await refused(await place.run([command, 'absent.json'], keys(right)), 'BucketMissing');
    const wrong = keys({ ...right, secretAccessKey: 'not-the-secret' });
    await refused(await place.run([command, 'present.json'], wrong), 'CredentialsRejected');
    const none = { env: { AWS_EC2_METADATA_DISABLED: 'true' } };
    await refused(await place.run([command, 'present.json'], none), 'CredentialsMissing');
  });

test('a disk that is full at export: coded, exit code 2, nothing published, and room lets the same command end well', async () => {
  // A file system of 64 KiB in a mount namespace of the process's own; the adapter alone takes more.
  const mount =
    'mkdir -p small && mount -t tmpfs -o size=64k tmpfs small && "$@"; code=$?; ls -R small >small.txt; exit $code';
  const wrapper = ['unshare', '-rm', 'sh', '-c', mount, 'sh'];
  const argv = ['run', 'job.json', '--set', 'spec.method.lora.rank=16', '--max-steps', '6', '--out', 'small'];
  const end = await place.run(argv, { wrapper });
  assert.deepEqual([end.last?.name, end.exit], ['DiskFull', 2], end.err + JSON.stringify(end.last));
  assert.doesNotMatch(await readFile(place.path('small.txt'), 'utf8'), /manifest\.json|latest\.json/);
  const again = await place.run(argv);
  assert.equal(again.exit, 0, JSON.stringify(again.last));
});

test('too few steps and idle workers are warned of before training', async () => {
  const end = await place.run([
    'validate',
    'job.json',
    '--set',
    'spec.training.maxSteps=3',
    '--set',
    'spec.workers.replicas=9',
  ]);
  assert.equal(end.exit, 0, JSON.stringify(end.last));
  const warnings = end.events
    .filter(({ event }) => event === 'warning')
    .map(({ message }) => String(message).split(' ')[0]);
  assert.deepEqual(warnings, ['ESP-4020', 'ESP-4021']);
});
