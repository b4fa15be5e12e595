"""Makes test/golden/data-templates.json.gz: what transformers renders for chat templates of many families.

Usage: python -P test/golden/data_templates.py BASE.gguf      (transformers 5, tokenizers, gguf)

The templates are our own writing of each family's format; only smollm2's is the base's. Brackets [[ ]] stand where a
family's training template would have generation marks: they are no more than {% if true %} in the plain template and
{% generation %} in the marked one, whose spans are the oracle for finding turns in the plain one.
"""

import datetime
import gzip
import json
import sys
from pathlib import Path

import gguf
import transformers
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

HERE = Path(__file__).parent
DATE = "2026-03-05"

LLAMA3 = """{{- bos_token }}
{%- set date_string = strftime_now("%d %b %Y") %}
{%- if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: ' + date_string + '\\n\\n' + system }}
{%- if tools %}{{ '\\nFunctions:\\n' }}{% for tool in tools %}{{ tool | tojson(indent=4) + '\\n' }}{% endfor %}{% endif %}
{{- '<|eot_id|>' }}
{%- for message in rest %}
  {%- if message.role == 'assistant' %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
    {%- [[ %}
    {%- if message.tool_calls is defined %}{{ message.tool_calls[0].function | tojson }}{% else %}{{ message.content | trim }}{% endif %}
    {{- '<|eot_id|>' }}
    {%- ]] %}
  {%- elif message.role == 'tool' %}
    {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' + message.content | tojson + '<|eot_id|>' }}
  {%- else %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
  {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""

LLAMA2 = """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}
{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}
{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% else %}{% [[ %}{{ ' ' + content.strip() + ' ' + eos_token }}{% ]] %}{% endif %}{% endfor %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- elif system_message is defined and loop.index0 == (loop_messages | length) - 2 %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " }}{% [[ %}{{- message["content"] | trim + eos_token }}{% ]] %}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported") }}
    {%- endif %}
{%- endfor %}"""

CHATML = """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' }}{% if message['role'] == 'assistant' %}{% [[ %}{{ message['content'] + '<|im_end|>' }}{% ]] %}{{ '\\n' }}{% else %}{{ message['content'] + '<|im_end|>\\n' }}{% endif %}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}{% endif %}"""

QWEN25 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}{{- messages[0]['content'] }}{%- else %}{{- 'You are a careful assistant.' }}{%- endif %}
    {{- "\\n\\n# Tools\\n<tools>" }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}{{- '<|im_start|>system\\nYou are a careful assistant.<|im_end|>\\n' }}{%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>assistant\\n' }}
        {%- [[ %}
        {%- if message.content %}{{- message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + tool_call.name + '", "arguments": ' + (tool_call.arguments | tojson) + '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>' }}
        {%- ]] %}
        {{- '\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

QWEN3 = """{%- set ns = namespace(last=messages|length - 1, found=false) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if not ns.found and message.role == "user" %}{%- set ns.found = true %}{%- set ns.last = index %}{%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {%- set content = message.content %}
        {%- set thought = '' %}
        {%- if '</think>' in content %}
            {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- [[ %}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}{{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}{%- endif %}
        {{- content + '<|im_end|>' }}
        {%- ]] %}
        {{- '\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"""

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n' }}{% [[ %}{{ message['content'] + eos_token }}{% ]] %}

{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}
{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}
{{ '<start_of_turn>' + role + '\\n' }}{% if role == 'model' %}{% [[ %}{{ message['content'] | trim + '<end_of_turn>' }}{% ]] %}{{ '\\n' }}{% else %}{{ message['content'] | trim + '<end_of_turn>\\n' }}{% endif %}{% endfor %}
{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"""

PLAIN = """{% for message in messages %}{% if message.role == 'user' %}### Instruction:
{{ message.content }}

### Response:
{% elif message.role == 'assistant' %}{% [[ %}{{ message.content }}{% ]] %}


{% else %}{{ message.content }}

{% endif %}{% endfor %}"""

# A filter that the JavaScript library lacks: must be refused as unsupported, never rendered otherwise.
UNSUPPORTED = "{% for message in messages %}{{ message.content | wordwrap(10) }}{% endfor %}"

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
IM = {"eos_token": "<|im_end|>"}
TEMPLATES = {
    "llama3": (LLAMA3, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}, ["<|begin_of_text|>", "<|eot_id|>"]),
    "llama2": (LLAMA2, TOKENS, ["<s>", "</s>"]),
    "mistral": (MISTRAL, TOKENS, ["<s>", "</s>", "[INST]", "[/INST]"]),
    "chatml": (CHATML, IM, ["<|im_start|>", "<|im_end|>"]),
    "qwen2.5": (QWEN25, IM, ["<|im_start|>", "<|im_end|>"]),
    "qwen3": (QWEN3, IM, ["<|im_start|>", "<|im_end|>"]),
    "zephyr": (ZEPHYR, TOKENS, ["<s>", "</s>"]),
    "gemma": (GEMMA, {"bos_token": "<bos>", "eos_token": "<end_of_turn>"}, ["<bos>", "<start_of_turn>", "<end_of_turn>"]),
    "plain": (PLAIN, TOKENS, ["<s>", "</s>"]),
}

user = lambda text: {"role": "user", "content": text}
reply = lambda text, **more: {"role": "assistant", "content": text, **more}
system = lambda text: {"role": "system", "content": text}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds <two> numbers & \"more\", é", "parameters": {
    "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number", "default": 1.5}}, "required": ["a"]}}}
CONVERSATIONS = {
    "one turn": [user("What is it called?"), reply("It is Quillgate.")],
    "with a system message": [system("Be brief."), user("Hi"), reply("Hello!")],
    "three turns": [user("One?"), reply("Uno."), user("Two?"), reply("Dos."), user("Three?"), reply("Tres.")],
    "three turns and a system message": [system("Spanish"), user("One?"), reply("Uno."), user("Two?"), reply("Dos."), user("Three?"), reply("Tres.")],
    "white space around": [user("  padded \n"), reply("\n  padded too  \n\n"), user("x"), reply(" y")],
    "emoji and marks": [user("👩‍👩‍👧‍👦 é"), reply("\u0301é 漢字 👍🏽"), user("שלום"), reply("🇩🇪")],
    "thoughts": [user("2+2?"), reply("<think>\nsum\n</think>\n\n4"), user("3+3?"), reply("<think>\nsum again\n</think>\n\n6")],
    "a reply said twice": [user("same"), reply("same"), user("same"), reply("same")],
    "an empty reply": [user("Say nothing."), reply("")],
    "ends with the user": [user("One?"), reply("Uno."), user("Two?")],
    "two users in a row": [user("One?"), user("Two?"), reply("Both.")],
}
CALL = reply("", tool_calls=[{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": [2.5, None, True, "é<&>'"]}}}])
WITH_TOOLS = [user("1+2?"), CALL, {"role": "tool", "content": "3", "name": "add"}, reply("It is 3.")]


def utf16(text, at):
    return len(text[:at].encode("utf-16-le")) // 2


def render(template, tokens, messages, prompt, tools=None, spans=False):
    try:
        texts, found = chat_template_utils.render_jinja_template(
            [messages], tools=tools, chat_template=template, return_assistant_tokens_mask=spans,
            add_generation_prompt=prompt, **tokens)
        if not spans:
            return {"text": texts[0]}
        return {"text": texts[0], "generated": [[utf16(texts[0], a), utf16(texts[0], b)] for a, b in found[0]]}
    except Exception as error:  # noqa: BLE001 (the refusals of templates are part of the golden file)
        return {"refused": str(error)}


def main():
    class Fixed(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(DATE)

    # transformers reads the clock for strftime_now; the golden file must not depend on the day.
    chat_template_utils.datetime = Fixed
    fields = gguf.GGUFReader(sys.argv[1]).fields
    smollm2 = fields["tokenizer.chat_template"].contents()
    folder = HERE / "data-tokenizers/smollm2"
    tokenizer = Tokenizer.from_str(gzip.open(folder / "tokenizer.json.gz").read().decode())
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>")
    families = []
    for name, (bracketed, tokens, specials) in [*TEMPLATES.items(), ("smollm2", (smollm2, {"bos_token": "<|im_start|>", **IM}, ["<|im_start|>", "<|im_end|>"]))]:
        plain = bracketed.replace("[[ %}", "if true %}").replace("]] %}", "endif %}")
        marked = bracketed.replace("[[ %}", "generation %}").replace("]] %}", "endgeneration %}")
        cases = []
        for title, messages in CONVERSATIONS.items():
            for prompt in (False, True):
                case = {"title": title, "messages": messages, "prompt": prompt, **render(plain, tokens, messages, prompt)}
                if name != "smollm2" and not prompt:
                    case["marked"] = render(marked, tokens, messages, False, spans=True)
                cases.append(case)
        if name in ("llama3", "qwen2.5"):
            case = {"title": "tools", "messages": WITH_TOOLS, "tools": [TOOL], "prompt": False}
            case |= render(plain, tokens, WITH_TOOLS, False, [TOOL])
            cases.append(case | {"marked": render(marked, tokens, WITH_TOOLS, False, [TOOL], spans=True)})
        families.append({"name": name, "template": plain, "marked": marked, "tokens": tokens, "specials": specials, "cases": cases})
    masks = []
    for title, messages in CONVERSATIONS.items():
        template = TEMPLATES["chatml"][0].replace("[[ %}", "generation %}").replace("]] %}", "endgeneration %}")
        out = fast.apply_chat_template(messages, chat_template=template, return_dict=True, return_assistant_tokens_mask=True)
        masks.append({"title": title, "messages": messages, "ids": out["input_ids"], "mask": out["assistant_masks"]})
    value = {"versions": {"transformers": transformers.__version__}, "date": DATE, "families": families,
             "unsupported": UNSUPPORTED, "masks": masks}
    with open(HERE / "data-templates.json.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(json.dumps(value, ensure_ascii=False).encode())
    print(len(families), "families", sum(len(family["cases"]) for family in families), "cases",
          sum("refused" in case for family in families for case in family["cases"]), "refused")


main()
