"""Reads a published adapter as its users will: PEFT, and llama.cpp through xllamacpp; compares both with Espalier.

Usage: python test/peer/check_adapter.py ADAPTER BASE OURS [--merged FOLDER] [--gguf-base BASE.gguf]

ADAPTER  a published folder (adapter_config.json, adapter_model.safetensors, adapter.gguf, serving/)
BASE     the float32 Hugging Face folder that it was trained on (Espalier's cache)
OURS     folder that test/peer/main.ts wrote: logits.safetensors with ids_<i> [S] and logits_<i> [S, vocab] of each prompt,
         and tokens.json, a list of {"ids": [...], "tokens": [...]}: Espalier's greedy answers
--merged the model that Espalier merged

Prints one JSON object; exit status 1 when a check failed, with the reason on stderr.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

# Issue 3: both sides are float32 with unlike orders of additions; logits are some tens.
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
    stored = load_file(Path(adapter) / "adapter_model.safetensors")
    assert held.keys() == stored.keys(), f"other keys: {sorted(held.keys() ^ stored.keys())[:3]}"
    for key, value in stored.items():
        assert torch.equal(held[key], value), f"{key} was not loaded as it is stored"
    return model, config


@torch.no_grad()
def logits(model, ids):
    return model(input_ids=torch.tensor([ids])).logits[0].float()


@torch.no_grad()
def greedy(model, ids, count):
    """Exactly `count` tokens, tokens that end an answer included."""
    out = model.generate(input_ids=torch.tensor([ids]), max_new_tokens=count, min_new_tokens=None, do_sample=False,
                         eos_token_id=None, pad_token_id=0)
    return out[0, len(ids):].tolist()


def furthest(left, right):
    return max((a - b).abs().max().item() for a, b in zip(left, right, strict=True))


def check_peft(adapter, base, prompts, merged=None, ours=None):
    """Logits of every prompt unmerged and merged by PEFT, of the serving copy and of the folder merged by Espalier."""
    bare = load_base(base)
    plain = [logits(bare, ids) for ids in prompts]
    model, _ = load_peft(base, adapter)
    unmerged = [logits(model, ids) for ids in prompts]
    expected = ours or unmerged
    errors = {} if ours is None else {"unmerged": furthest(expected, unmerged)}
    serving = Path(adapter) / "serving"
    if serving.exists():
        copy, config = load_peft(base, serving)
        assert config.r == config.lora_alpha and not config.use_rslora and not config.rank_pattern and not config.alpha_pattern
        errors["serving"] = furthest(expected, [logits(copy, ids) for ids in prompts])
    whole = model.merge_and_unload()
    errors["mergedByPeft"] = furthest(expected, [logits(whole, ids) for ids in prompts])
    if merged:
        folder = load_base(merged)
        errors["mergedByUs"] = furthest(expected, [logits(folder, ids) for ids in prompts])
    moved = furthest(plain, unmerged)
    assert moved > 0.05, f"the adapter moves logits by {moved} only"
    for name, error in errors.items():
        assert error <= LOGIT_TOLERANCE, f"{name}: logits are off by {error}"
    return {"moved": moved, "errors": errors}, whole


def ends_of(model):
    ends = model.generation_config.eos_token_id
    return ends if isinstance(ends, list) else [ends]


def disagreeing(cases, theirs, ends):
    """Prompts with other tokens; where ours stop short of `count`, theirs must go on with a token that ends an answer."""
    count = max(len(case["tokens"]) for case in cases)
    def same(tokens, found):
        after = found[len(tokens):]
        return found[:len(tokens)] == tokens and (len(tokens) == count or not after or after[0] in ends)
    wrong = [i for i, (case, found) in enumerate(zip(cases, theirs, strict=True)) if not same(case["tokens"], found)]
    return "; ".join(f"prompt {i}: {theirs[i]} instead of {cases[i]['tokens']}" for i in wrong)


def check_greedy(model, cases, ends):
    count = max(len(case["tokens"]) for case in cases)
    theirs = [greedy(model, case["ids"], min(len(case["tokens"]) + 1, count)) for case in cases]
    wrong = disagreeing(cases, theirs, ends)
    assert not wrong, f"transformers gives other tokens: {wrong}"
    return sum(len(case["tokens"]) for case in cases)


def llama_tokens(gguf_base, adapter, prompts, count):
    import xllamacpp
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf_base)
    params.n_ctx, params.n_parallel, params.warmup, params.verbosity = 1024, 1, False, -1
    # Caches in float32 like everything else here: a rounding less between both sides.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
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


def check_llama(gguf_base, adapter, cases, ends):
    prompts = [case["ids"] for case in cases]
    count = max(len(case["tokens"]) for case in cases)
    theirs = llama_tokens(gguf_base, Path(adapter) / "adapter.gguf", prompts, count)
    without = llama_tokens(gguf_base, None, prompts, count)
    wrong = disagreeing(cases, theirs, ends)
    assert theirs != without, "the GGUF adapter changes nothing"
    assert not wrong, f"llama.cpp gives other tokens: {wrong}"
    # llama.cpp may keep the token that ends an answer to itself: an answer cut short would look the same.
    short = [i for i, (case, found) in enumerate(zip(cases, theirs)) if len(found) < len(case["tokens"])]
    assert not short, f"llama.cpp ends early at prompts {short}: {[theirs[i] for i in short]}"
    return {"prompts": len(prompts), "tokens": sum(len(found) for found in theirs)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("adapter")
    parser.add_argument("base")
    parser.add_argument("ours")
    parser.add_argument("--merged")
    parser.add_argument("--gguf-base")
    options = parser.parse_args()
    ours = load_file(Path(options.ours) / "logits.safetensors")
    count = len(ours) // 2
    prompts = [ours[f"ids_{i}"].tolist() for i in range(count)]
    cases = json.loads((Path(options.ours) / "tokens.json").read_text())
    result, whole = check_peft(options.adapter, options.base, prompts, options.merged, [ours[f"logits_{i}"] for i in range(count)])
    ends = ends_of(whole)
    result["greedyTokens"] = check_greedy(whole, cases, ends)
    del whole
    if options.gguf_base:
        result["llama"] = check_llama(options.gguf_base, options.adapter, cases, ends)
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(f"check failed: {error}", file=sys.stderr)
        sys.exit(1)
