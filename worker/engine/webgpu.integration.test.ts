import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { packageRoot } from '../../common/root.js';
import { leafInChild } from '../../test/support/leafInChild.js';

/** Software Vulkan; fails with what to install when it cannot be had. */
function vulkanEnvironment(): Record<string, string> {
  const folder = execFileSync('bash', [join(packageRoot(), 'scripts/install-vulkan.sh')], { encoding: 'utf8' }).trim();
  return { VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder };
}

/** Sums of some hundred float32 terms in another order: relative to the largest gradient of a tensor. */
const tolerance = 2e-5;

it('a leaf on WebGPU equals the one on the CPU', async () => {
  const env = vulkanEnvironment();
  const cpu = await leafInChild('cpu');
  const gpu = await leafInChild('webgpu', { env });
  const largest = cpu.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  assert.ok(largest > 0.1);
  cpu.forEach((value, i) => {
    assert.ok(Math.abs(gpu[i]! - value) <= tolerance * largest, `[${i}]: ${gpu[i]}, on the CPU ${value}`);
  });
});
