import { GraphBuilder } from '../../engine/ir/builder.js';
import type { Dim, Graph } from '../../engine/ir/graph.js';
import { ops } from '../../engine/ops/index.js';
import { cachedAttention, rowsOf, windowsOf } from '../blocks/cached.js';
import { logits } from '../blocks/head.js';
import { type AdaptedModel, createForward, decode, withoutDropout } from './decoder.js';

export interface DecodeGraphOptions extends AdaptedModel {
  /** Rows of the batch; a name (known when the graph runs) only together with one token per row. */
  readonly batch: Dim;
  /** New tokens per row: many to read a prompt, one to generate. */
  readonly tokens: number;
}

/**
 * New tokens behind a cache of keys and values. With N = batch * tokens, C = places of the cache, P = rows of the rotary
 * tables, L = rows whose logits are wanted:
 * inputs  `ids` int64 [N], `positions` int64 [batch, tokens], `rope_cos`/`rope_sin` [P, headDim / 2], `last` int64 [L],
 *         `past_bias_<i>` [batch, tokens, C] per distinct window, `past_key_<layer>`/`past_value_<layer>` [batch, kv, C, headDim],
 *         adapter tensors by PEFT key;
 * outputs `logits` [L, vocab], `key_<layer>`/`value_<layer>` [batch, kv, tokens, headDim]: only what is new.
 */
export function buildDecodeGraph(options: DecodeGraphOptions): Graph {
  const { spec, batch, tokens } = options;
  const b = new GraphBuilder(ops);
  const rows = rowsOf(batch, tokens);
  const ids = b.input('ids', 'int64', [rows]);
  const positions = b.input('positions', 'int64', [batch, tokens]);
  const cos = b.input('rope_cos', 'float32', ['P', spec.headDim / 2]);
  const sin = b.input('rope_sin', 'float32', ['P', spec.headDim / 2]);
  const last = b.input('last', 'int64', ['L']);
  const biases = windowsOf(spec).map((_, i) => b.input(`past_bias_${i}`, 'float32', [batch, tokens, 'C']));
  const cacheShape = [batch, spec.kvHeads, 'C', spec.headDim];
  const past = Array.from({ length: spec.layers }, (_, layer) => ({
    key: b.input(`past_key_${layer}`, 'float32', cacheShape),
    value: b.input(`past_value_${layer}`, 'float32', cacheShape),
  }));
  const { attend, added } = cachedAttention(b, spec, past, biases, { batch, tokens });
  const rotate = (x: Parameters<typeof b.rotary>[0], heads: number) => b.rotary(x, positions, cos, sin, heads);
  const { forward } = createForward(withoutDropout(options), { b, batch, tokens, rotate, attend });
  b.output('logits', logits(forward, b.gather(decode(forward, ids), last)));
  added.forEach(({ key, value }, layer) => {
    b.output(`key_${layer}`, key);
    b.output(`value_${layer}`, value);
  });
  return b.build();
}
