"""Makes the adapters of test/golden/artifacts/ with PEFT on the tiny checkpoints of test/golden/models/, seeded.

Usage: python -P test/golden/artifacts.py [NAME...]      (torch, transformers 5, peft, safetensors)

Each folder is what `save_pretrained` writes (without its README) and beside it
  expected.safetensors  delta.<module> = PEFT's own delta W [out, in]; ids [S]; logits [S, vocab] with the adapter, float32
  case.json             base, versions, seed
"""

import json
import sys
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

SEED = 20240612
HERE = Path(__file__).parent / "artifacts"
MODELS = Path(__file__).parent / "models"

CASES = {
    "plain": ("llama", dict(r=4, lora_alpha=8, target_modules="all-linear")),
    "rslora": ("qwen3", dict(r=3, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"])),
    "patterns": ("llama", dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "o_proj", "up_proj"],
                               rank_pattern={"q_proj": 2, r"layers\.1\..*up_proj": 6},
                               alpha_pattern={"model.layers.0.self_attn.k_proj": 12, "o_proj": 3})),
    "half": ("qwen2", dict(r=2, lora_alpha=2, target_modules=["gate_proj"], layers_to_transform=[1])),
    "dora": ("llama", dict(r=2, lora_alpha=4, use_dora=True, target_modules=["q_proj"])),
    "modules-to-save": ("llama", dict(r=2, lora_alpha=4, target_modules=["q_proj"], modules_to_save=["lm_head"])),
}


def build(name):
    base, options = CASES[name]
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(MODELS / base, dtype=torch.float32)
    lora = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options)).eval()
    with torch.no_grad():
        for key, weight in sorted(lora.named_parameters()):
            if "lora_" in key and "magnitude" not in key:
                weight.copy_(torch.randn(weight.shape) * (0.5 / weight.shape[1] ** 0.5))
                if name == "half":
                    weight.copy_(weight.to(torch.bfloat16))
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    lora.peft_config["default"].base_model_name_or_path = base
    lora.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    if name == "half":
        path = folder / "adapter_model.safetensors"
        halves = {key: value.to(torch.bfloat16) for key, value in load_file(path).items()}
        save_file(halves, path, {"format": "pt"})
    ids = load_file(MODELS / base / "golden.safetensors")["ids"]
    with torch.no_grad():
        expected = {"ids": ids, "logits": lora(input_ids=ids[None].long()).logits[0]}
    for path, module in lora.base_model.model.named_modules():
        if "default" in getattr(module, "lora_A", {}) and not options.get("use_dora"):
            expected[f"delta.{path}"] = module.get_delta_weight("default")
    save_file({key: value.detach().contiguous() for key, value in expected.items()}, folder / "expected.safetensors")
    case = {"script": "test/golden/artifacts.py", "base": base, "seed": SEED, "torch": torch.__version__,
            "transformers": transformers.__version__, "peft": peft.__version__}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    print(name, sum(file.stat().st_size for file in folder.iterdir()) // 1000, "kB")


for wanted in sys.argv[1:] or CASES:
    build(wanted)
