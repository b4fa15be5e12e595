"""PEFT + DDP (gloo) under torchrun: one side of the recovery benchmark (test/bench/recovery.ts).

Usage: python -m torch.distributed.run --standalone --nproc-per-node 4 --max-restarts N test/bench/peer/ddp.py FOLDER BASE
FOLDER/peer.json names batches and settings. Every rank says its pid when it starts; rank 0 saves a checkpoint after every
step, then tells the step. After a restart training goes on from the checkpoint.
"""

import json
import os
import sys

import torch
import torch.distributed as dist
from peft import LoraConfig, get_peft_model
from torch.nn.parallel import DistributedDataParallel
from transformers import AutoModelForCausalLM


def main():
    folder, base_folder = sys.argv[1], sys.argv[2]
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    # One write per line: the lines of all ranks share a pipe.
    say = lambda what: os.write(1, (json.dumps(what) + "\n").encode())
    say({"rank": rank, "pid": os.getpid()})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dist.init_process_group("gloo")
    with open(f"{folder}/peer.json") as file:
        orders = json.load(file)
    base = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    base.config.use_cache = False
    config = LoraConfig(r=orders["rank"], lora_alpha=orders["alpha"], target_modules="all-linear", lora_dropout=0.0,
                        task_type="CAUSAL_LM")
    model = DistributedDataParallel(get_peft_model(base, config).train())
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=orders["learningRate"], weight_decay=0.0)
    checkpoint, start = f"{folder}/checkpoint.pt", 0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint, weights_only=True)
        start = saved["step"] + 1
        with torch.no_grad():
            for name, parameter in trained.items():
                parameter.copy_(saved["adapter"][name])
        optimizer.load_state_dict(saved["optimizer"])
    for step in range(start, 1_000_000):
        batch = orders["batches"][step % len(orders["batches"])]
        rows = range(rank, len(batch["ids"]), world)
        for place, row in enumerate(rows):
            last = place == len(rows) - 1
            model.require_backward_grad_sync = last
            labels = torch.tensor([batch["labels"][row]])
            loss = model(input_ids=torch.tensor([batch["ids"][row]]), shift_labels=labels, labels=labels,
                         use_cache=False, num_items_in_batch=batch["supervised"] / world).loss
            loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), orders["maxGradNorm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if rank == 0:
            torch.save({"step": step, "adapter": {name: parameter.detach() for name, parameter in trained.items()},
                        "optimizer": optimizer.state_dict()}, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)
            say({"step": step})


main()
