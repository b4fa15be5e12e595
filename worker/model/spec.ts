/**
 * What a decoder of the Llama family is made of, read once from config.json or GGUF metadata.
 * The graph builder, the memory estimate, the adapter and the artifacts read only this, never a config file.
 */
export interface ModelSpec {
  /** Key into the family registry; equals config.json's `model_type`. */
  readonly family: 'llama' | 'mistral' | 'qwen2' | 'qwen3';
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly tieWordEmbeddings: boolean;
  readonly activation: 'silu' | 'gelu' | 'gelu_tanh';
  /** Which linears carry a bias. */
  readonly bias: { readonly qkv: boolean; readonly o: boolean; readonly mlp: boolean };
  /** RMS norm per head on q and k before RoPE (Qwen3). */
  readonly qkNorm: boolean;
  readonly rope: RopeSpec;
  /** Window in tokens per layer; null = full attention. Length = `layers`. A query sees itself and window-1 earlier keys. */
  readonly slidingWindow: readonly (number | null)[];
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number | null;
}

export interface RopeSpec {
  readonly theta: number;
  readonly scaling:
    | { readonly type: 'none' }
    | { readonly type: 'linear'; readonly factor: number }
    | { readonly type: 'dynamic'; readonly factor: number; readonly originalMaxPositions: number }
    | {
        readonly type: 'llama3';
        readonly factor: number;
        readonly lowFreqFactor: number;
        readonly highFreqFactor: number;
        readonly originalMaxPositions: number;
      }
    | {
        readonly type: 'yarn';
        readonly factor: number;
        readonly originalMaxPositions: number;
        readonly attentionFactor: number | null;
        readonly betaFast: number;
        readonly betaSlow: number;
        readonly truncate: boolean;
        readonly mscale: number | null;
        readonly mscaleAllDim: number | null;
      }
    | {
        readonly type: 'longrope';
        readonly factor: number | null;
        readonly shortFactor: readonly number[];
        readonly longFactor: readonly number[];
        readonly originalMaxPositions: number;
        readonly attentionFactor: number | null;
      };
}
