"""Makes test/golden/models135m/: what transformers answers with the quickstart's base, read from its GGUF by transformers itself.

Usage: python -P test/golden/models135m.py FILE.gguf      (torch, transformers 5, gguf, safetensors)

golden.safetensors: per prompt ids_<i> [S], last_<i> [vocab] logits of the last position, positions_<i> [8], top_ids_<i> and
top_logits_<i> [8, 20], greedy_<i> [24]: all in float32.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

file = Path(sys.argv[1])
out = Path(__file__).parent / "models135m"
out.mkdir(exist_ok=True)
model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32, attn_implementation="eager").eval()
tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


def chat(question):
    return (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    )


long = " ".join(f"In chapter {n} the ship sailed {n * 7 % 13} miles to the {['north', 'east', 'south', 'west'][n % 4]}." for n in range(30))
prompts = [chat("What is the capital of France?"), chat("Name three colours of the rainbow."), chat("How do I boil an egg?"), long]
tensors = {}
with torch.no_grad():
    for i, text in enumerate(prompts):
        ids = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
        logits = model(input_ids=ids[None]).logits[0]
        positions = torch.linspace(1, len(ids) - 1, 8).to(torch.int64)
        top = logits[positions].topk(20, dim=-1)
        greedy = model.generate(ids[None], attention_mask=torch.ones_like(ids[None]), max_new_tokens=24, do_sample=False,
                                eos_token_id=2, pad_token_id=2)[0, len(ids):]
        tensors |= {f"ids_{i}": ids.to(torch.int32), f"last_{i}": logits[-1], f"positions_{i}": positions.to(torch.int32),
                    f"top_ids_{i}": top.indices.to(torch.int32), f"top_logits_{i}": top.values, f"greedy_{i}": greedy.to(torch.int32)}
        print(len(ids), "tokens ->", tokenizer.decode(greedy))
save_file({name: value.contiguous() for name, value in tensors.items()}, out / "golden.safetensors")
case = {"script": "test/golden/models135m.py", "torch": torch.__version__, "transformers": transformers.__version__,
        "gguf": hashlib.sha256(file.read_bytes()).hexdigest(), "prompts": len(prompts)}
(out / "case.json").write_text(json.dumps(case, indent=1) + "\n")
