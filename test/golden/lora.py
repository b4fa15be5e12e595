"""Makes test/golden/lora/: which modules PEFT wraps for given targets, and its dense change of a weight.

Usage: python -P test/golden/lora.py      (torch, transformers 5, peft)

  lora/targets.json  per case the LoraConfig fields and the wrapped modules, on test/golden/models/llama
  lora/delta.json    A, B, alpha, rsLoRA and PEFT's get_delta_weight
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
OUT = HERE / "lora"
CASES = [
    {"target_modules": "all-linear"},
    {"target_modules": ["q_proj"]},
    {"target_modules": ["q_proj", "v_proj"]},
    {"target_modules": ["self_attn.k_proj", "mlp.up_proj"]},
    {"target_modules": ["model.layers.1.mlp.down_proj"]},
    {"target_modules": ["layers.0.mlp.down_proj", "o_proj"]},
    {"target_modules": r".*\.(q|v)_proj"},
    {"target_modules": r"model\.layers\.\d+\.mlp\.(gate|up)_proj"},
    {"target_modules": r".*layers\.1\..*_proj"},
    {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": [1]},
    {"target_modules": ["q_proj", "gate_proj"], "layers_to_transform": [0, 1]},
    {"target_modules": "all-linear", "exclude_modules": ["v_proj", "layers.0.mlp.up_proj"]},
    {"target_modules": ["q_proj", "k_proj"], "exclude_modules": ["model.layers.0.self_attn.q_proj"]},
    {"target_modules": r".*self_attn.*_proj", "exclude_modules": ["o_proj"]},
]


def base():
    return AutoModelForCausalLM.from_pretrained(HERE / "models" / "llama", dtype=torch.float32)


def wrapped(case):
    model = get_peft_model(base(), LoraConfig(r=2, task_type="CAUSAL_LM", **case))
    return sorted(name.removeprefix("base_model.model.") for name, module in model.named_modules() if hasattr(module, "lora_A"))


def delta(alpha, rslora):
    torch.manual_seed(3)
    config = LoraConfig(r=3, lora_alpha=alpha, use_rslora=rslora, target_modules=["model.layers.0.self_attn.k_proj"], task_type="CAUSAL_LM")
    layer = get_peft_model(base(), config).base_model.model.model.layers[0].self_attn.k_proj
    with torch.no_grad():
        layer.lora_B["default"].weight.normal_()
    return {
        "alpha": alpha, "rsLora": rslora,
        "lora_A": layer.lora_A["default"].weight.flatten().tolist(),
        "lora_B": layer.lora_B["default"].weight.flatten().tolist(),
        "delta": layer.get_delta_weight("default").flatten().tolist(),
    }


OUT.mkdir(exist_ok=True)
OUT.joinpath("targets.json").write_text(json.dumps([{**case, "modules": wrapped(case)} for case in CASES], indent=1) + "\n")
OUT.joinpath("delta.json").write_text(json.dumps([delta(8, False), delta(5, True)]) + "\n")
