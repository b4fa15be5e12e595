"""Golden configurations: what transformers' own config classes make of real config.json texts, in both spellings.
Remake: python test/golden/configs.py"""
import json
from pathlib import Path

from transformers import AutoConfig

OUT = Path(__file__).parent / "configs" / "configs.json"
common = dict(hidden_act="silu", torch_dtype="bfloat16")
CONFIGS = {
    "Llama 1": dict(model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=4096, intermediate_size=11008, num_attention_heads=32, num_hidden_layers=32, vocab_size=32000, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2, pad_token_id=0),
    "Llama 2 70B": dict(model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=8192, intermediate_size=28672, num_attention_heads=64, num_key_value_heads=8, num_hidden_layers=80, vocab_size=32000, max_position_embeddings=4096, rms_norm_eps=1e-5, rope_scaling=None, tie_word_embeddings=False, pretraining_tp=1),
    "Llama 2 linear, old spelling": dict(model_type="llama", hidden_size=4096, intermediate_size=11008, num_attention_heads=32, num_hidden_layers=32, vocab_size=32000, rope_scaling={"type": "linear", "factor": 4.0}),
    "Llama dynamic": dict(model_type="llama", hidden_size=4096, intermediate_size=11008, num_attention_heads=32, num_hidden_layers=32, vocab_size=32000, max_position_embeddings=4096, rope_scaling={"type": "dynamic", "factor": 2.0}),
    "Llama 3.2 1B": dict(model_type="llama", architectures=["LlamaForCausalLM"], attention_bias=False, bos_token_id=128000, eos_token_id=[128001, 128008, 128009], head_dim=64, hidden_size=2048, intermediate_size=8192, max_position_embeddings=131072, mlp_bias=False, num_attention_heads=32, num_hidden_layers=16, num_key_value_heads=8, rms_norm_eps=1e-5, rope_scaling={"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}, rope_theta=500000.0, tie_word_embeddings=True, vocab_size=128256),
    "Llama, transformers 5 spelling": dict(model_type="llama", hidden_size=2048, intermediate_size=8192, num_attention_heads=32, num_hidden_layers=2, num_key_value_heads=8, vocab_size=1000, max_position_embeddings=131072, rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
    "Llama with biases and a head size": dict(model_type="llama", hidden_size=512, intermediate_size=1024, num_attention_heads=8, head_dim=128, num_hidden_layers=2, vocab_size=1000, attention_bias=True, mlp_bias=True),
    "SmolLM2 135M": dict(model_type="llama", architectures=["LlamaForCausalLM"], attention_bias=False, bos_token_id=1, eos_token_id=2, pad_token_id=2, hidden_size=576, intermediate_size=1536, is_llama_config=True, max_position_embeddings=8192, mlp_bias=False, num_attention_heads=9, num_hidden_layers=30, num_key_value_heads=3, rms_norm_eps=1e-5, rope_interleaved=False, rope_scaling=None, rope_theta=100000, tie_word_embeddings=True, vocab_size=49152),
    "Mistral 7B v0.1": dict(model_type="mistral", architectures=["MistralForCausalLM"], bos_token_id=1, eos_token_id=2, hidden_size=4096, intermediate_size=14336, max_position_embeddings=32768, num_attention_heads=32, num_hidden_layers=32, num_key_value_heads=8, rms_norm_eps=1e-5, rope_theta=10000.0, sliding_window=4096, tie_word_embeddings=False, vocab_size=32000),
    "Mistral 7B v0.3": dict(model_type="mistral", architectures=["MistralForCausalLM"], hidden_size=4096, intermediate_size=14336, max_position_embeddings=32768, num_attention_heads=32, num_hidden_layers=32, num_key_value_heads=8, rms_norm_eps=1e-5, rope_theta=1000000.0, sliding_window=None, vocab_size=32768),
    "Mistral without a word on windows": dict(model_type="mistral", hidden_size=4096, intermediate_size=14336, num_attention_heads=32, num_hidden_layers=2, vocab_size=32768, head_dim=128),
    "Qwen2 0.5B": dict(model_type="qwen2", architectures=["Qwen2ForCausalLM"], bos_token_id=151643, eos_token_id=151645, hidden_size=896, intermediate_size=4864, max_position_embeddings=32768, max_window_layers=24, num_attention_heads=14, num_hidden_layers=24, num_key_value_heads=2, rms_norm_eps=1e-6, rope_theta=1000000.0, sliding_window=32768, tie_word_embeddings=True, use_sliding_window=False, vocab_size=151936),
    "Qwen2 with windows": dict(model_type="qwen2", hidden_size=896, intermediate_size=4864, max_window_layers=21, num_attention_heads=14, num_hidden_layers=24, num_key_value_heads=2, sliding_window=1024, use_sliding_window=True, vocab_size=151936),
    "Qwen2.5 with yarn": dict(model_type="qwen2", hidden_size=896, intermediate_size=4864, max_position_embeddings=32768, num_attention_heads=14, num_hidden_layers=2, num_key_value_heads=2, rope_theta=1000000.0, rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, vocab_size=151936),
    "Qwen2 with layer types": dict(model_type="qwen2", hidden_size=896, intermediate_size=4864, num_attention_heads=14, num_hidden_layers=3, num_key_value_heads=2, sliding_window=512, use_sliding_window=True, layer_types=["sliding_attention", "full_attention", "sliding_attention"], vocab_size=1000),
    "Qwen3 0.6B": dict(model_type="qwen3", architectures=["Qwen3ForCausalLM"], attention_bias=False, bos_token_id=151643, eos_token_id=151645, head_dim=128, hidden_size=1024, intermediate_size=3072, max_position_embeddings=40960, max_window_layers=28, num_attention_heads=16, num_hidden_layers=28, num_key_value_heads=8, rms_norm_eps=1e-6, rope_scaling=None, rope_theta=1000000, sliding_window=None, tie_word_embeddings=True, use_sliding_window=False, vocab_size=151936),
    "Qwen3 with defaults": dict(model_type="qwen3", hidden_size=1024, intermediate_size=3072, num_attention_heads=32, num_hidden_layers=2, vocab_size=1000, attention_bias=True),
    "Llama longrope": dict(model_type="llama", hidden_size=32, intermediate_size=48, num_attention_heads=4, num_hidden_layers=2, vocab_size=100, max_position_embeddings=64, rope_scaling={"rope_type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [1.0, 2.0, 3.0, 4.0], "original_max_position_embeddings": 16}),
}


def seen(config):
    """transformers' view in neutral words."""
    layers = config.num_hidden_layers
    family = config.model_type
    window = getattr(config, "sliding_window", None)
    types = getattr(config, "layer_types", None)
    if family == "mistral":
        windows = [window] * layers
    elif family == "llama":
        windows = [None] * layers
    else:
        windows = [window if kind == "sliding_attention" else None for kind in types]
    rope = {key: value for key, value in config.rope_parameters.items() if key != "type"}
    return dict(
        family=family, vocabSize=config.vocab_size, hiddenSize=config.hidden_size, intermediateSize=config.intermediate_size,
        layers=layers, heads=config.num_attention_heads, kvHeads=config.num_key_value_heads,
        headDim=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
        rmsNormEps=config.rms_norm_eps, tieWordEmbeddings=config.tie_word_embeddings, slidingWindow=windows,
        maxPositions=config.max_position_embeddings, bosTokenId=config.bos_token_id, padTokenId=config.pad_token_id,
        eosTokenIds=[] if config.eos_token_id is None else config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id],
        rope=rope,
    )


cases = []
for name, raw in CONFIGS.items():
    config = AutoConfig.for_model(**{**json.loads(json.dumps(raw)), "model_type": raw["model_type"]})
    cases.append({"name": name, "config": raw, "seen": seen(config)})
OUT.write_text(json.dumps(cases, indent=1))
