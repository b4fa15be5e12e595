"""PEFT's side of a comparison: one optimizer step per line read from standard input (test/bench/side.ts).

Usage: python test/bench/peer/train.py FOLDER BASE --attention eager|sdpa --precision float32|bfloat16 --threads N
FOLDER/peer.json names the batches and the settings; BASE is a float32 Hugging Face folder.
"""

import argparse
import json
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("base")
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with open(f"{options.folder}/peer.json") as file:
        orders = json.load(file)
    base = AutoModelForCausalLM.from_pretrained(options.base, dtype=torch.float32, attn_implementation=options.attention)
    base.config.use_cache = False
    config = LoraConfig(r=orders["rank"], lora_alpha=orders["alpha"], target_modules="all-linear", lora_dropout=0.0,
                        task_type="CAUSAL_LM")
    model = get_peft_model(base, config).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    adamw = orders["optimizer"]
    optimizer = torch.optim.AdamW(trained, lr=orders["learningRate"], betas=(adamw["beta1"], adamw["beta2"]),
                                  eps=adamw["epsilon"], weight_decay=adamw["weightDecay"])
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bfloat16")
    print(json.dumps({"ready": True, "trainable": sum(parameter.numel() for parameter in trained)}), flush=True)

    for step, _ in enumerate(sys.stdin):
        batch = orders["batches"][step]
        with autocast:
            # shift_labels: the labels are shifted already; transformers computes the mean over the supervised ones.
            loss = model(input_ids=torch.tensor(batch["ids"]), shift_labels=torch.tensor(batch["labels"]),
                         labels=torch.tensor(batch["labels"]), use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, orders["maxGradNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print(json.dumps({"step": step, "loss": loss.item()}), flush=True)


main()
