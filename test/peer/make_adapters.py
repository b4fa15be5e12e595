"""Lets PEFT make adapters of several kinds, for Espalier to read.

Usage: python test/peer/make_adapters.py BASE IDS.json OUT
OUT/<kind>/ is what PEFT saves, with logits.safetensors beside it: logits_<i> [S, vocab] for the prompts of IDS.json.
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

KINDS = {
    "all-linear": dict(r=8, lora_alpha=16, target_modules="all-linear"),
    "rslora": dict(r=16, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj"]),
    "patterns": dict(r=4, lora_alpha=8, target_modules=["k_proj", "down_proj"], rank_pattern={"down_proj": 6},
                     alpha_pattern={"k_proj": 3}, layers_to_transform=[0, 3, 4]),
}


def main():
    base, ids, out = sys.argv[1], json.loads(Path(sys.argv[2]).read_text()), Path(sys.argv[3])
    torch.manual_seed(0)
    for kind, settings in KINDS.items():
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.02)
            logits = {f"logits_{i}": model(input_ids=torch.tensor([one])).logits[0].contiguous() for i, one in enumerate(ids)}
        model.save_pretrained(out / kind)
        save_file(logits, out / kind / "logits.safetensors")


main()
