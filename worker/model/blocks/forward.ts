import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Dim, Value } from '../../engine/ir/graph.js';
import type { ModelSpec } from '../spec.js';

/** What the blocks of a decoder share while one forward graph is built. Rows are tokens: N = batch * tokens. */
export interface Forward {
  readonly b: GraphBuilder;
  readonly spec: ModelSpec;
  /** A number, or the name of a size known when the graph runs. */
  readonly batch: Dim;
  readonly tokens: number;
  /** The frozen tensor of that Hugging Face name. */
  weight(name: string): Value;
  /** x W^T + bias + residual with the adapter where one is injected: `x [N, in]` -> `[N, out]`. */
  linear(path: string, x: Value, residual?: Value): Value;
  /** Rotates `x [batch, tokens, heads * headDim]` by each token's position. */
  rotate(x: Value, heads: number): Value;
  /** Attention of one layer over what its queries may see; all are `[batch, tokens, heads * headDim]`, rotated. -> `[N, heads * headDim]` */
  attend(layer: number, q: Value, k: Value, v: Value): Value;
}
