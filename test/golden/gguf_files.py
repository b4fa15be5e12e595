"""Golden GGUF files: every tensor type Espalier reads with gguf-py's own dequantisation, and tiny whole models with the
tensors and token ids that transformers reads from them. Remake: python test/golden/gguf_files.py"""
import json
import random
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from gguf import GGUFWriter, TokenType, quants
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

OUT = Path(__file__).parent / "gguf"
OUT.mkdir(exist_ok=True)
rng = np.random.default_rng(7)


def types():
    writer = GGUFWriter(OUT / "types.gguf", "llama")
    writer.add_uint8("test.uint8", 200)
    writer.add_int8("test.int8", -7)
    writer.add_int16("test.int16", -300)
    writer.add_uint64("test.uint64", 2**63 + 1)
    writer.add_int64("test.int64", -5)
    writer.add_float64("test.float64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_array("test.texts", ["a", "é", ""])
    writer.add_array("test.numbers", [1, -2, 3])
    expected = {}
    for kind in (T.F32, T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1):
        values = (rng.standard_normal((6, 96)) * 10.0 ** rng.integers(-6, 3, (6, 1))).astype(np.float32)
        values[0, :4] = [0.0, -0.0, 1e-7, 60000.0]
        values[5] = 0.0
        raw = values if kind == T.F32 else quants.quantize(values, kind)
        expected[kind.name] = quants.dequantize(raw, kind).astype(np.float32) if kind != T.F32 else values
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
    close(writer)
    save_file(expected, OUT / "types.safetensors")


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


TEXTS = [
    "", " ", "  two  spaces ", "Hello world", "hello\nworld\r\n\r\n  x", "it's we'LL 12345 and 7 8",
    "naïve café 漢字 😀👩‍👧", "<|end|>after<|end|>", "tab\tand  \u00a0nbsp", "a <think> b", "x=1;{}()[]//==",
    "ends with space ", "\u0000control\u0007", "the the the there then", " leading",
]


def texts():
    draw = random.Random(3)
    alphabet = "the anind er  \n\t0123456789'lsvé漢😀.,;{}<>"
    return TEXTS + ["".join(draw.choice(alphabet) for _ in range(draw.randint(1, 40))) for _ in range(200)]


def byte_vocabulary():
    """256 bytes, merges learned by counting on a little text, then special tokens."""
    spelling = bytes_to_unicode()
    corpus = ("the cat and the dog then went there in the rain and it's 1234 100 1000 hello world " * 3).replace(" ", "Ġ")
    words, merges, vocab = [list(w) for w in corpus.replace("Ġ", " Ġ").split(" ") if w], [], list(spelling.values())
    for _ in range(60):
        counts = {}
        for word in words:
            for pair in zip(word, word[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        best = max(sorted(counts), key=counts.get)
        merges.append(" ".join(best))
        if "".join(best) not in vocab:
            vocab.append("".join(best))
        for index, word in enumerate(words):
            at, out = 0, []
            while at < len(word):
                if tuple(word[at : at + 2]) == best:
                    out.append("".join(best))
                    at += 2
                else:
                    out.append(word[at])
                    at += 1
            words[index] = out
    kinds = [TokenType.NORMAL] * len(vocab)
    for token, kind in (("<|begin|>", TokenType.CONTROL), ("<|end|>", TokenType.CONTROL), ("<think>", TokenType.USER_DEFINED)):
        vocab.append(token)
        kinds.append(kind)
    while len(vocab) % 16:
        vocab.append(f"[PAD{len(vocab)}]")
        kinds.append(TokenType.UNUSED)
    return vocab, kinds, merges


def spm_vocabulary():
    vocab = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL] + [TokenType.BYTE] * 256
    scores = [0.0] * len(vocab)
    pieces = ["▁t", "he", "▁the", "in", "an", "nd", "▁a", "▁an", "▁and", "er", "re", "▁▁", "ll", "▁the" "re", "▁there", "lo", "llo", "hello", "▁w"]
    letters = list("▁thenadirlowcgs'0123456789.,")
    for rank, piece in enumerate(dict.fromkeys(pieces)):
        vocab.append(piece)
        scores.append(-float(rank + 1))
        kinds.append(TokenType.NORMAL)
    for letter in letters:
        vocab.append(letter)
        scores.append(-1e6)
        kinds.append(TokenType.NORMAL)
    vocab += ["<|end|>", "<think>"]
    kinds += [TokenType.CONTROL, TokenType.USER_DEFINED]
    scores += [0.0, 0.0]
    while len(vocab) % 16:
        vocab.append(f"[PAD{len(vocab)}]")
        kinds.append(TokenType.UNUSED)
        scores.append(0.0)
    return vocab, kinds, scores


def model(name, arch, tokenizer, pre=None, tied=False, rope_freqs=None, head_dim=8, bias=False, qk_norm=False):
    hidden, heads, kv, inner, layers = 32, 4, 2, 48, 2
    writer = GGUFWriter(OUT / f"{name}.gguf", arch)
    writer.add_block_count(layers)
    writer.add_context_length(131072 if rope_freqs is not None else 64)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_rope_freq_base(500000.0 if rope_freqs is not None else 10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    if head_dim * heads != hidden:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    vocab, kinds, extra = tokenizer
    writer.add_tokenizer_model("llama" if pre is None else "gpt2")
    writer.add_token_list(vocab)
    writer.add_token_types(kinds)
    if pre is None:
        writer.add_token_scores(extra)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
    else:
        writer.add_tokenizer_pre(pre)
        writer.add_token_merges(extra)
        writer.add_bos_token_id(vocab.index("<|begin|>"))
        writer.add_eos_token_id(vocab.index("<|end|>"))
        writer.add_add_bos_token(pre == "llama-bpe")
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}<|end|>{% endfor %}")

    def add(key, *shape):
        data = rng.standard_normal(shape).astype(np.float32) * 0.3
        is_norm = len(shape) == 1
        kind = T.F32 if is_norm else T.F16
        writer.add_tensor(key, data if is_norm else quants.quantize(data, kind), raw_dtype=kind)

    add("token_embd.weight", len(vocab), hidden)
    if rope_freqs is not None:
        writer.add_tensor("rope_freqs.weight", rope_freqs)
    for layer in range(layers):
        block = f"blk.{layer}."
        add(block + "attn_norm.weight", hidden)
        for part, out in (("attn_q", heads * head_dim), ("attn_k", kv * head_dim), ("attn_v", kv * head_dim)):
            add(f"{block}{part}.weight", out, hidden)
            if bias:
                add(f"{block}{part}.bias", out)
        add(block + "attn_output.weight", hidden, heads * head_dim)
        if qk_norm:
            add(block + "attn_q_norm.weight", head_dim)
            add(block + "attn_k_norm.weight", head_dim)
        add(block + "ffn_norm.weight", hidden)
        add(block + "ffn_gate.weight", inner, hidden)
        add(block + "ffn_up.weight", inner, hidden)
        add(block + "ffn_down.weight", hidden, inner)
    add("output_norm.weight", hidden)
    if not tied:
        add("output.weight", len(vocab), hidden)
    close(writer)
    if rope_freqs is None:
        loaded = AutoModelForCausalLM.from_pretrained(OUT, gguf_file=f"{name}.gguf", dtype=torch.float32)
        save_file({key: value.numpy().copy() for key, value in loaded.state_dict().items()
                   if not (tied and key == "lm_head.weight")}, OUT / f"{name}.safetensors")
    loaded = AutoTokenizer.from_pretrained(OUT, gguf_file=f"{name}.gguf")
    cases = [{"text": text, "ids": loaded(text).input_ids} for text in texts()]
    (OUT / f"{name}.json").write_text(json.dumps(cases, ensure_ascii=True))


def llama3_freqs(theta, head_dim, factor):
    inverse = 1.0 / theta ** (np.arange(0, head_dim, 2) / head_dim)
    wave = 2 * np.pi / inverse
    smooth = (8192 / wave - 1) / 3
    middle = 1 / ((1 - smooth) / factor + smooth)
    return np.where(wave < 2048, 1.0, np.where(wave > 8192, factor, middle)).astype(np.float32)


if __name__ == "__main__":
    types()
    model("llama-spm", "llama", spm_vocabulary(), tied=False)
    model("llama3-bpe", "llama", byte_vocabulary(), pre="llama-bpe", tied=True, rope_freqs=llama3_freqs(500000.0, 8, 32.0))
    model("qwen2-bpe", "qwen2", byte_vocabulary(), pre="qwen2", bias=True, tied=True)
    model("qwen3-bpe", "qwen3", byte_vocabulary(), pre="qwen2", qk_norm=True, head_dim=128)
    model("gpt2-bpe", "llama", byte_vocabulary(), pre="gpt-2", tied=True)
