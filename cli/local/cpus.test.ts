import assert from 'node:assert/strict';
import { test } from 'node:test';
import { availableCpus } from './cpus.js';

const cpusOf = (files: Readonly<Record<string, string>>, machine = 64) => availableCpus((path) => files[path], machine);

test('without a limit all CPUs of the machine count', () => {
  assert.equal(cpusOf({}), 64);
  assert.equal(cpusOf({ '/sys/fs/cgroup/cpu.max': 'max 100000\n' }), 64);
  assert.equal(
    cpusOf({ '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n' }),
    64,
  );
});

test('the smallest limit of our control group and those above it counts, rounded up, at least one', () => {
  const cgroup = '0::/kube/pod/worker\n';
  const files = {
    '/proc/self/cgroup': cgroup,
    '/sys/fs/cgroup/kube/pod/worker/cpu.max': 'max 100000\n',
    '/sys/fs/cgroup/kube/pod/cpu.max': '250000 100000\n',
    '/sys/fs/cgroup/kube/cpu.max': '800000 100000\n',
  };
  assert.equal(cpusOf(files), 3);
  assert.equal(cpusOf({ '/sys/fs/cgroup/cpu.max': '20000 100000\n' }), 1);
});

test('control groups of the first version are read too', () => {
  const files = {
    '/proc/self/cgroup': '4:memory:/other\n3:cpu,cpuacct:/job\n',
    '/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us': '400000\n',
    '/sys/fs/cgroup/cpu/job/cpu.cfs_period_us': '100000\n',
  };
  assert.equal(cpusOf(files), 4);
});
