"""Makes test/golden/training/: what PEFT, transformers and torch make of 20 steps on the tiny Llama of models/llama.

Usage: python -P test/golden/training.py      (torch, transformers 5, peft, safetensors)

  training/case.json            settings, sequences, losses per step, learning rates, norms before clipping, versions
  training/tensors.safetensors  the initial A of every module and the final A and B
  training/adamw.json           torch.optim.AdamW alone, in float64 and float32, on given gradients
  training/schedules.json       learning rates of transformers' get_scheduler

The order of sequences comes from a second implementation of the recipe's shuffle (Philox4x32-10, Fisher-Yates).
"""

import json
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, get_scheduler

HERE = Path(__file__).parent
OUT = HERE / "training"
SEED = 11
RANK, ALPHA = 4, 8
STEPS, PER_STEP, MICRO_BATCH = 20, 5, 2
RATE, WARMUP, MAX_NORM, DECAY = 0.01, 3, 0.6, 0.05
MASK = 0xFFFFFFFF


def philox(counter, key):
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (p1 >> 32) ^ b ^ k0, p1 & MASK, (p0 >> 32) ^ d ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return a, b, c, d


def shuffled(count, seed, epoch):
    def draws():
        block = 0
        while True:
            yield from philox((block, epoch, 0, 0), (seed & MASK, (seed >> 32) | (2 << 21)))
            block += 1

    stream, order = draws(), list(range(count))
    for last in range(count - 1, 0, -1):
        limit = 2**32 - 2**32 % (last + 1)
        draw = next(word for word in stream if word < limit)
        other = draw % (last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def sequences():
    """Short texts with a pattern (each token follows from the one before), so that something can be learned."""
    generator = torch.Generator().manual_seed(SEED)
    rows = []
    for _ in range(13):
        length = int(torch.randint(10, 60, (1,), generator=generator))
        ids = [int(torch.randint(3, 192, (1,), generator=generator))]
        while len(ids) < length:
            ids.append(3 + (ids[-1] * 7 + 5) % 189)
        prompt = int(torch.randint(1, length // 2, (1,), generator=generator))
        labels = [ids[i + 1] if prompt <= i < length - 1 else -1 for i in range(length)]
        rows.append({"ids": ids, "labels": labels})
    return rows


def batch_of(rows):
    longest = max(len(row["ids"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), -100)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        n = len(row["ids"])
        ids[i, :n] = torch.tensor(row["ids"])
        labels[i, :n] = torch.tensor([-100 if label < 0 else label for label in row["labels"]])
        mask[i, :n] = 1
    return ids, labels, mask


def train():
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(HERE / "models" / "llama", dtype=torch.float32, attn_implementation="eager")
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    weights = {name.replace(".default", ""): weight for name, weight in model.named_parameters() if weight.requires_grad}
    tensors = {f"initial.{name}": weight.detach().clone() for name, weight in weights.items() if "lora_A" in name}
    optimizer = torch.optim.AdamW(weights.values(), lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=DECAY)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=WARMUP, num_training_steps=STEPS)
    rows = sequences()
    order = [index for epoch in range(STEPS) for index in chunked(shuffled(len(rows), SEED, epoch))]
    losses, norms, rates = [], [], []
    for step in range(STEPS):
        members = [rows[index] for index in order[step]]
        supervised = sum(label >= 0 for row in members for label in row["labels"])
        total = 0.0
        for start in range(0, len(members), MICRO_BATCH):
            ids, labels, mask = batch_of(members[start : start + MICRO_BATCH])
            logits = model(input_ids=ids, attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / supervised
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(weights.values(), MAX_NORM).item())
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(total)
    tensors |= {f"final.{name}": weight.detach() for name, weight in weights.items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, OUT / "tensors.safetensors")
    settings = {"seed": SEED, "rank": RANK, "alpha": ALPHA, "steps": STEPS, "sequences": PER_STEP, "microBatch": MICRO_BATCH,
                "learningRate": RATE, "warmupSteps": WARMUP, "maxGradNorm": MAX_NORM, "weightDecay": DECAY}
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "peft": peft.__version__}
    write("case.json", {"settings": settings, "versions": versions, "losses": losses, "norms": norms, "learningRates": rates,
                        "order": order, "sequences": rows})


def chunked(order):
    return [order[start : start + PER_STEP] for start in range(0, len(order), PER_STEP)]


def adamw():
    generator = torch.Generator().manual_seed(SEED)
    size, steps = 48, 12
    initial = torch.randn(size, generator=generator)
    gradients = torch.randn(steps, size, generator=generator) * 10 ** torch.linspace(-6, 2, size)
    result = {"learningRate": 0.02, "weightDecay": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6,
              "initial": initial.tolist(), "gradients": gradients.tolist()}
    for name, dtype in (("float64", torch.float64), ("float32", torch.float32)):
        weight = torch.nn.Parameter(initial.to(dtype))
        optimizer = torch.optim.AdamW([weight], lr=0.02, betas=(0.9, 0.99), eps=1e-6, weight_decay=0.1, foreach=False)
        for gradient in gradients:
            weight.grad = gradient.to(dtype)
            optimizer.step()
        state = optimizer.state[weight]
        result[name] = {"weight": weight.tolist(), "mean": state["exp_avg"].tolist(), "square": state["exp_avg_sq"].tolist()}
    write("adamw.json", result)


def schedules():
    cases = []
    for name, kind in (("linear", "linear"), ("cosine", "cosine"), ("constant", "constant_with_warmup")):
        for warmup, steps in ((0, 7), (3, 20), (20, 20), (30, 12)):
            optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.0003)
            scheduler = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
            rates = []
            for _ in range(steps):
                rates.append(scheduler.get_last_lr()[0])
                optimizer.step()
                scheduler.step()
            cases.append({"type": name, "warmupSteps": warmup, "steps": steps, "highest": 0.0003, "rates": rates})
    write("schedules.json", cases)


def write(name, value):
    OUT.joinpath(name).write_text(json.dumps(value) + "\n")


OUT.mkdir(exist_ok=True)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
train()
adamw()
schedules()
