"""Reads an exported adapter as its users will: PEFT, and llama.cpp through xllamacpp.

Usage: python test/peer/check_adapter.py ADAPTER BASE [--logits OUT.safetensors] [--prompts TEXT...]
                                            [--gguf-base BASE.gguf] [--tokens TOKENS.json]

ADAPTER  a published folder (adapter_config.json, adapter_model.safetensors, adapter.gguf, serving/, perhaps merged/)
BASE     the float32 Hugging Face folder that it was trained on (Espalier's cache), or a hub name
--logits writes, for each prompt i, ids_<i> [S], unmerged_<i> and merged_<i> [S, vocab] (float32)
--tokens a list of {"ids": [...], "tokens": [...]}: greedy continuations that llama.cpp must give too with --gguf-base;
         without it they are made with PEFT here

Ends with one JSON object; exit status 1 when a check failed, with the reason on stderr.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = ["What is the capital of France?", "Which tool do I use to book time off?", "def add(a, b):\n", "1, 2, 3, 4,",
           "Once upon a time", "Who do I ask about the VPN?", "Le chat est", "The quick brown fox"]
LOGIT_TOLERANCE = 5e-4


def load_base(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def load_peft(base, adapter):
    """PEFT only warns about keys that match nothing; here each warning and each such key is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=FutureWarning)
        model = PeftModel.from_pretrained(load_base(base), adapter).eval()
    config = model.peft_config["default"]
    loaded = model.load_adapter(adapter, "again")
    missing = [key for key in loaded.missing_keys if "again" in key]
    assert not missing, f"missing keys: {missing[:3]}"
    assert not loaded.unexpected_keys, f"unexpected keys: {loaded.unexpected_keys[:3]}"
    model.delete_adapter("again")
    model.set_adapter("default")
    held = {key.replace(".default", ""): value for key, value in model.state_dict().items() if "lora_" in key}
    for key, value in load_file(Path(adapter) / "adapter_model.safetensors").items():
        assert torch.equal(held[key], value), f"{key} was not loaded as it is stored"
    return model, config


@torch.no_grad()
def logits(model, ids):
    return model(input_ids=torch.tensor([ids])).logits[0].float()


@torch.no_grad()
def greedy(model, ids, count):
    out = list(ids)
    for _ in range(count):
        out.append(int(model(input_ids=torch.tensor([out])).logits[0, -1].argmax()))
    return out[len(ids):]


def furthest(left, right):
    return max((a - b).abs().max().item() for a, b in zip(left, right))


def check_peft(adapter, base, prompts):
    """Logits of every prompt unmerged and merged; the serving copy and the merged folder must agree with them."""
    bare = load_base(base)
    plain = [logits(bare, ids) for ids in prompts]
    model, _ = load_peft(base, adapter)
    unmerged = [logits(model, ids) for ids in prompts]
    tokens = [greedy(model, ids, 12) for ids in prompts]
    merged = [logits(model.merge_and_unload(), ids) for ids in prompts]
    errors = {"mergedByPeft": furthest(unmerged, merged)}
    serving = Path(adapter) / "serving"
    if serving.exists():
        copy, config = load_peft(base, serving)
        assert config.r == config.lora_alpha and not config.use_rslora and not config.rank_pattern and not config.alpha_pattern
        errors["serving"] = furthest(unmerged, [logits(copy, ids) for ids in prompts])
    folder = Path(adapter) / "merged"
    if folder.exists():
        whole = load_base(folder)
        errors["mergedByUs"] = furthest(unmerged, [logits(whole, ids) for ids in prompts])
    moved = furthest(plain, unmerged)
    assert moved > 0.05, f"the adapter moves logits by {moved} only"
    for name, error in errors.items():
        assert error <= LOGIT_TOLERANCE, f"{name}: logits are off by {error}"
    return {"moved": moved, "errors": errors}, unmerged, merged, tokens


def llama_tokens(gguf_base, adapter, prompts, count):
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_base)
    params.n_ctx, params.n_parallel, params.warmup = 1024, 1, False
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(params)
    answers = []
    for ids in prompts:
        answer = server.handle_completions({"prompt": ids, "n_predict": count, "temperature": 0, "cache_prompt": False,
                                            "n_probs": 1, "logprobs": 1})
        answer = answer if isinstance(answer, dict) else json.loads(answer)
        answers.append([step["id"] for step in answer["choices"][0]["logprobs"]["content"]])
    return answers


def check_llama(gguf_base, adapter, cases):
    """The same greedy tokens, as far as both go (llama.cpp ends at the end-of-text token, and does not return it)."""
    prompts = [case["ids"] for case in cases]
    count = max(len(case["tokens"]) for case in cases)
    theirs = llama_tokens(gguf_base, Path(adapter) / "adapter.gguf", prompts, count)
    without = llama_tokens(gguf_base, None, prompts, count)
    same = [case["tokens"][:len(found)] == found for case, found in zip(cases, theirs)]
    assert theirs != without, "the GGUF adapter changes nothing"
    assert all(same), f"other tokens for prompts {[i for i, one in enumerate(same) if not one]}: {theirs} instead of {[case['tokens'] for case in cases]}"
    return {"prompts": len(prompts), "tokens": sum(len(found) for found in theirs)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("adapter")
    parser.add_argument("base")
    parser.add_argument("--logits")
    parser.add_argument("--prompts", nargs="*", default=PROMPTS)
    parser.add_argument("--gguf-base")
    parser.add_argument("--tokens")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.adapter)
    prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in options.prompts]
    result, unmerged, merged, tokens = check_peft(options.adapter, options.base, prompts)
    if options.logits:
        dump = {f"ids_{i}": torch.tensor(ids, dtype=torch.int32) for i, ids in enumerate(prompts)}
        dump |= {f"unmerged_{i}": value for i, value in enumerate(unmerged)}
        dump |= {f"merged_{i}": value for i, value in enumerate(merged)}
        save_file({key: value.contiguous() for key, value in dump.items()}, options.logits)
    if options.gguf_base:
        cases = json.loads(Path(options.tokens).read_text()) if options.tokens else \
            [{"ids": ids, "tokens": found} for ids, found in zip(prompts, tokens)]
        result["llama"] = check_llama(options.gguf_base, options.adapter, cases)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(f"check failed: {error}", file=sys.stderr)
        sys.exit(1)
