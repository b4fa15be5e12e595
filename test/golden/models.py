"""Makes the tiny checkpoints and golden tensors of test/golden/models/ with transformers and PEFT, seeded.

Usage: python -P test/golden/models.py [NAME...]      (torch, transformers 5, peft, safetensors)

Each folder is a Hugging Face base (config.json, model.safetensors) and beside it
  golden.safetensors  ids [S]; logits [S, vocab] of transformers in float32; greedy_<i> = prompt, greedy_<i>_out = its continuation
  gradients.safetensors (some)  a PEFT LoRA r=4 on all linears: batch, adapter tensors, loss sum and gradients in float64
  case.json           versions, seed, and the error of transformers' own float32 against float64
Weights are scaled so that logits have a standard deviation of 3 or more: an error in a feature must show.
"""

import json
import math
import sys
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

SEED = 20240611
HERE = Path(__file__).parent / "models"
VOCAB = 192
TOKENS = 56
small = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False,
    bos_token_id=1, eos_token_id=2, pad_token_id=0, rope_theta=10000.0,
)
RANK = 4


def rope(kind, **more):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **more}}


# name -> (model_type, config overrides, extras: gradients, storage dtype, greedy)
CASES = {
    "llama": ("llama", {}, {"gradients": "plain"}),
    "llama-tied": ("llama", {"tie_word_embeddings": True}, {}),
    "llama-rope-llama3": ("llama", rope("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                        original_max_position_embeddings=16), {}),
    "llama-rope-linear": ("llama", {**rope("linear", factor=4.0), "max_position_embeddings": 64}, {}),
    "llama-rope-dynamic": ("llama", {**rope("dynamic", factor=4.0), "max_position_embeddings": 16}, {"greedy": False}),
    "llama-rope-yarn": ("llama", rope("yarn", factor=4.0, original_max_position_embeddings=16), {}),
    "llama-rope-yarn-mscale": ("llama", rope("yarn", factor=8.0, original_max_position_embeddings=16, mscale=1.2,
                                             mscale_all_dim=0.6, beta_fast=16.0, beta_slow=2.0, truncate=False), {}),
    "llama-rope-longrope": ("llama", rope("longrope", factor=4.0, original_max_position_embeddings=16,
                                          short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 1.7, 2.9, 4.3]),
                            {"greedy": False}),
    "llama-bias": ("llama", {"attention_bias": True, "mlp_bias": True}, {}),
    "mistral-window": ("mistral", {"sliding_window": 12}, {"gradients": "packed"}),
    "qwen2": ("qwen2", {}, {}),
    "qwen2-window": ("qwen2", {"use_sliding_window": True, "sliding_window": 10, "max_window_layers": 1}, {}),
    "qwen2.5": ("qwen2", {"tie_word_embeddings": True, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6}, {}),
    "qwen3": ("qwen3", {"head_dim": 12, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0}, {"gradients": "plain"}),
    # 9 query heads over 3 key/value heads as in SmolLM2-135M; stored as bfloat16 to stay small.
    "smollm2": ("llama", {"hidden_size": 72, "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True,
                          "rope_theta": 100000.0, "vocab_size": 128}, {"dtype": torch.bfloat16, "gradients": "packed"}),
}


def make(model_type, overrides, dtype):
    arguments = {**small, **overrides}
    if "rope_parameters" in arguments:
        arguments.pop("rope_theta")
    config = AutoConfig.for_model(model_type, **arguments)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            if "norm" in name:
                weight.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                weight.copy_(0.3 * noise)
            elif "embed_tokens" in name or "lm_head" in name:
                weight.copy_(noise * (4.5 / math.sqrt(config.hidden_size)))
            else:  # attention scores must be far from uniform, so q and k carry a gain
                gain = 1.6 if "q_proj" in name or "k_proj" in name else 1.0
                weight.copy_(noise * (gain / math.sqrt(weight.shape[1])))
            weight.copy_(weight.to(dtype).to(torch.float32))
    return model.eval(), config


def in_double(model):
    """transformers rounds RMS norms and softmax to float32 whatever the model's type: undo that for the oracle."""
    model = model.double()

    def norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            type(module).forward = norm
    model.set_attn_implementation("sdpa")
    return model


def window_of(config, layer):
    window = getattr(config, "sliding_window", None)
    types = getattr(config, "layer_types", None)
    if types is not None and types[layer] != "sliding_attention":
        return None
    return window


def mask_for(documents, window, dtype):
    """Additive mask [1, 1, S, S]: causal, within the document, within the window."""
    S = len(documents)
    q, k = torch.arange(S)[:, None], torch.arange(S)[None, :]
    seen = (k <= q) & (documents[:, None] == documents[None, :])
    if window is not None:
        seen &= k > q - window
    mask = torch.zeros(S, S, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    return mask[None, None]


def gradients(model, config, kind, folder):
    """Gradient of the sum of token losses in float64, for a LoRA with non-zero B."""
    generator = torch.Generator().manual_seed(SEED + 1)
    tokens = 40
    ids = torch.randint(3, config.vocab_size, (tokens,), generator=generator)
    first = 23 if kind == "packed" else tokens
    documents = torch.tensor([1] * first + [2] * (tokens - first))
    positions = torch.tensor(list(range(first)) + list(range(tokens - first)))
    labels = torch.cat([ids[1:], torch.tensor([-1])])
    labels[documents != torch.cat([documents[1:], torch.tensor([0])])] = -1  # the last token of a document predicts nothing
    labels[:5] = -1  # a prompt
    lora = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    tensors = {}
    with torch.no_grad():
        for name, weight in sorted(lora.named_parameters()):
            if "lora_" in name:
                noise = torch.randn(weight.shape, generator=generator, dtype=torch.float32)
                weight.copy_(noise * (0.5 / math.sqrt(weight.shape[1])))
                tensors[f"adapter.{name.replace('.default', '')}"] = weight.to(torch.float32).clone()
    windows = {window_of(config, layer) for layer in range(config.num_hidden_layers)}
    assert len(windows) == 1, "one mask for all layers"
    mask = mask_for(documents, windows.pop(), torch.float64)
    logits = lora(input_ids=ids[None], position_ids=positions[None], attention_mask=mask).logits[0]
    loss = torch.nn.functional.cross_entropy(logits[labels >= 0], labels[labels >= 0], reduction="sum")
    loss.backward()
    for name, weight in lora.named_parameters():
        if "lora_" in name:
            tensors[f"gradient.{name.replace('.default', '')}"] = weight.grad
    for name, value in dict(ids=ids, positions=positions, documents=documents, labels=labels).items():
        tensors[name] = value.to(torch.int32)
    tensors["loss"] = loss.detach()[None]
    tensors["logits"] = logits.detach().to(torch.float32)
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "gradients.safetensors")
    return {"kind": kind, "rank": RANK, "alpha": 8, "loss": loss.item()}


def build(name):
    model_type, overrides, extras = CASES[name]
    dtype = extras.get("dtype", torch.float32)
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    model, config = make(model_type, overrides, dtype)
    written = json.loads(config.to_json_string(use_diff=False))
    keep = ["architectures", "attention_bias", "bos_token_id", "eos_token_id", "head_dim", "hidden_act", "hidden_size",
            "intermediate_size", "layer_types", "max_position_embeddings", "max_window_layers", "mlp_bias", "model_type",
            "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "pad_token_id", "rms_norm_eps",
            "rope_parameters", "sliding_window", "tie_word_embeddings", "use_sliding_window", "vocab_size"]
    written["architectures"] = [type(model).__name__]
    written = {key: written[key] for key in sorted(keep) if key in written}
    written["dtype"] = str(dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(written, indent=1) + "\n")
    weights = {key: value.to(dtype) for key, value in model.state_dict().items()
               if not (config.tie_word_embeddings and key == "lm_head.weight")}
    save_file({key: value.contiguous() for key, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})

    generator = torch.Generator().manual_seed(SEED + 2)
    ids = torch.randint(3, config.vocab_size, (TOKENS,), generator=generator)
    golden = {"ids": ids.to(torch.int32)}
    with torch.no_grad():
        golden["logits"] = model(input_ids=ids[None]).logits[0]
        if extras.get("greedy", True):
            for index, length in enumerate((4, 9, 17)):
                prompt = torch.randint(3, config.vocab_size, (length,), generator=generator)
                out = prompt
                for _ in range(14):  # without a cache: the plainest definition of greedy
                    out = torch.cat([out, model(input_ids=out[None]).logits[0, -1].argmax()[None]])
                golden[f"greedy_{index}"] = prompt.to(torch.int32)
                golden[f"greedy_{index}_out"] = out[length:].to(torch.int32)
    save_file({key: value.contiguous() for key, value in golden.items()}, folder / "golden.safetensors")
    deviation = golden["logits"].std().item()
    assert deviation >= 3, f"{name}: logits have a standard deviation of {deviation}"
    with torch.no_grad():
        twice = in_double(model)
        own_error = (twice(input_ids=ids[None]).logits[0] - golden["logits"].double()).abs().max().item()
    case = {"script": "test/golden/models.py", "seed": SEED, "torch": torch.__version__, "transformers": transformers.__version__,
            "peft": peft.__version__, "logitsStd": deviation, "float32Error": own_error}
    if "gradients" in extras:
        case["gradients"] = gradients(twice, config, extras["gradients"], folder)
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:26} std {deviation:5.2f}  float32 error {own_error:.1e}  {size / 1000:.0f} kB")


for wanted in sys.argv[1:] or CASES:
    build(wanted)
