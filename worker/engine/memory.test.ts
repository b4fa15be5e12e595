import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { tinyModel } from '../../test/support/tinyModel.js';
import { availableMemory, chooseStrategy, memoryNeed } from './memory.js';

const gibibyte = 2 ** 30;
const machine = { '/proc/meminfo': `MemTotal: 99 kB\nMemAvailable:    ${8 * 1024 * 1024} kB\n` };
const available = (files: Readonly<Record<string, string>>): number =>
  availableMemory((path) => ({ ...machine, ...files })[path]);

describe('available memory', () => {
  it('is what the kernel calls available where no group limits us', () => {
    assert.equal(available({ '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' }), 8 * gibibyte);
  });

  it('is what a version 2 group above us leaves, dropping inactive file cache', () => {
    const left = available({
      '/proc/self/cgroup': '0::/pods/pod7/worker\n',
      '/sys/fs/cgroup/pods/pod7/worker/memory.max': 'max\n',
      '/sys/fs/cgroup/pods/pod7/memory.max': `${4 * gibibyte}\n`,
      '/sys/fs/cgroup/pods/pod7/memory.current': `${3 * gibibyte}\n`,
      '/sys/fs/cgroup/pods/pod7/memory.stat': `anon 5\ninactive_file ${2 * gibibyte}\n`,
    });
    assert.equal(left, 3 * gibibyte);
  });

  it('is what a version 1 group leaves, and its huge default is no limit', () => {
    const group = (limit: number | string) => ({
      '/proc/self/cgroup': '7:cpu,cpuacct:/a\n5:memory:/a\n',
      '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${limit}\n`,
      '/sys/fs/cgroup/memory/a/memory.usage_in_bytes': `${gibibyte}\n`,
    });
    assert.equal(available(group(2 * gibibyte)), gibibyte);
    assert.equal(available(group('9223372036854771712')), 8 * gibibyte);
  });
});

describe('the need of an engine', () => {
  it('grows with rows and tokens, and with each engine by one engine', async () => {
    await using model = await tinyModel();
    const { setup } = model;
    const need = (rows: number, tokens: number, engines = 1) => memoryNeed(setup, [{ rows, tokens }], engines);
    assert.ok(need(4, 64).engineBytes > need(2, 64).engineBytes);
    assert.ok(need(2, 64).engineBytes > need(2, 32).engineBytes);
    assert.equal(need(2, 32, 3).totalBytes - need(2, 32, 2).totalBytes, need(2, 32).engineBytes);
  });

  it('chooses whole where it fits, layered where only that does, and else names the setting to lower', async () => {
    await using model = await tinyModel();
    const { strategy: _, ...setup } = model.setup;
    const shapes = [{ rows: 64, tokens: 32 }];
    const total = (strategy: 'whole' | 'layered') => memoryNeed({ ...setup, strategy }, shapes, 1).totalBytes;
    assert.ok(total('layered') < total('whole'));
    const choose = (availableBytes: number) => chooseStrategy(setup, shapes, { engines: 1, availableBytes });
    assert.equal(choose(total('whole')).strategy, 'whole');
    assert.equal(choose(total('whole') - 1).strategy, 'layered');
    assert.throws(
      () => choose(total('layered') - 1),
      (error) =>
        EspalierError.is(error, 'MemoryInsufficient') && error.facts.setting === 'spec.training.batch.microBatch',
    );
  });
});
