"""Checks the exports that test/peer/main.ts wrote: every case in PEFT and gguf-py, and that of the real base in llama.cpp.

Usage: python test/peer/check_exports.py FOLDER MODELS      (FOLDER/<case>/, FOLDER/cases.json: {case: base})
"""

import json
import sys
from pathlib import Path

import gguf
import torch
from check_adapter import check_peft
from safetensors.torch import load_file


def permute(rows, heads):
    """llama.cpp's order of the rows of q and k, as its own converter writes it."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def check_gguf(folder, base):
    """Names through gguf-py's own table; values, scale and order of rows against the safetensors file."""
    config = json.loads((base / "config.json").read_text())
    adapter = json.loads((folder / "adapter_config.json").read_text())
    stored = load_file(folder / "adapter_model.safetensors")
    reader = gguf.GGUFReader(folder / "adapter.gguf")
    value = lambda name: reader.fields[name].contents()
    assert value("general.type") == "adapter" and value("adapter.type") == "lora"
    architecture = value("general.architecture")
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    table = gguf.get_tensor_name_map(number, config["num_hidden_layers"])
    found = {tensor.name: torch.from_numpy(tensor.data.copy()) for tensor in reader.tensors}
    scale = value("adapter.lora.alpha") / adapter["r"]
    wanted = adapter["lora_alpha"] / (adapter["r"] ** 0.5 if adapter["use_rslora"] else adapter["r"])
    assert abs(scale - wanted) <= 1e-6 * wanted, f"scale {scale} instead of {wanted}"
    for key, tensor in stored.items():
        module, part = key.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".", 1)
        name = f"{table.get_name(module)}.weight.{part.lower()}"
        heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}.get(module.rsplit(".", 1)[1] if "." in module else "")
        expected = permute(tensor, heads) if architecture == "llama" and part == "lora_B" and heads else tensor
        assert torch.equal(found.pop(name), expected), f"{name} is not {key}"
    assert not found, f"tensors of no module: {list(found)[:3]}"


def main():
    folder, models = Path(sys.argv[1]), Path(sys.argv[2])
    for case, base in json.loads((folder / "cases.json").read_text()).items():
        ids = load_file(models / base / "golden.safetensors")["ids"].tolist()
        merged = folder / case / "merged"
        result, _ = check_peft(folder / case, models / base, [ids, ids[3:17]], merged if merged.exists() else None)
        gguf_file = folder / case / "adapter.gguf"
        if gguf_file.exists():
            check_gguf(folder / case, models / base)
        print(json.dumps({"case": case, **result, "gguf": gguf_file.exists()}), flush=True)


try:
    main()
except AssertionError as error:
    print(f"check failed: {error}", file=sys.stderr)
    sys.exit(1)
