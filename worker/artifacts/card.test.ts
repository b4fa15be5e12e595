import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { anAdapter, aRecord, type GivenRecord } from '../../test/support/anAdapter.js';
import { aSpec } from '../../test/support/aSpec.js';
import { modelCard } from './card.js';

const card = (more: Partial<GivenRecord> = {}, files = { serving: true, merged: false }) =>
  modelCard(
    { ...aRecord(more), method: anAdapter(aSpec()).method, adapterSha256: '12'.repeat(32), omitted: [] },
    files,
  );

test('the front matter names base, library and license for the hub', () => {
  const [, yaml = ''] = card().split('---\n');
  assert.deepEqual(parse(yaml), {
    base_model: 'owner/tiny',
    library_name: 'peft',
    license: 'apache-2.0',
    pipeline_tag: 'text-generation',
    tags: ['lora', 'espalier'],
  });
});

test('quantised weights are named, float ones are not', () => {
  assert.match(card(), /Trained on Q4_1 weights dequantised to float32/);
  assert.doesNotMatch(card({ base: { ...aRecord().base, storedAs: 'BF16' } }), /dequantised/);
});

test('forgetting is said plainly, in either direction, and its absence of measurement too', () => {
  assert.match(card(), /worse on general text, its loss there rose by 5\.8 %/);
  assert.match(card({ generalLoss: { before: 5, after: 4.9, text: 'x' } }), /fell by 2\.0 %/);
  assert.match(card({ generalLoss: { before: 5, after: 5, text: 'x' } }), /did not change/);
  assert.match(card({ generalLoss: null }), /Forgetting was not measured/);
});

test('an estimate of energy is marked as one, a measurement says by what', () => {
  const energy = (method: 'rapl' | 'estimate') =>
    card({ cost: { ...aRecord().cost, energy: { joules: 3.6e6, method, coverage: 0.9 } } });
  assert.match(energy('estimate'), /about 1\.0 kWh \(an estimate, not a measurement\)/);
  assert.match(energy('rapl'), /1\.0 kWh, measured by rapl over 90 % of the time/);
  assert.doesNotMatch(card(), /energy/);
});

test('each server has its command, and defaults are marked', () => {
  const text = card({}, { serving: true, merged: true });
  for (const part of [
    'PeftModel.from_pretrained',
    'vllm serve owner/tiny',
    'llama-cli -m BASE.gguf --lora adapter.gguf',
    '`merged/`',
    '| 1 (default) |',
    '| 0.001 |',
  ])
    assert.ok(text.includes(part), part);
});
