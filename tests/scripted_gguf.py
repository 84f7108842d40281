"""A script of prompt endings and replies becomes a real GGUF model file that makes llama.cpp say exactly that script.

The model is a llama of one layer whose attention and feed-forward weights are zero, so the next token depends on the
last one alone: the embedding of a token is the code of its successor, and the output matrix holds every token's code.
Codes are random signs, near enough to orthogonal that the wanted token wins at any usual temperature. A prompt ending
is one token of the vocabulary, and each piece of a reply is a token that occurs nowhere else in the script.

Nothing in the server is imitated: tokenizer, chat template, grammar, tool-call parser, KV cache and streaming all run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

END_OF_TEXT = "<|im_end|>"
REPLY = "<|im_start|>assistant\n"
AFTER_USER = END_OF_TEXT + "\n" + REPLY
AFTER_RESULT = "\n</tool_response>" + AFTER_USER
UNSCRIPTED = "The script has no reply to this."

# Tools as JSON in the system block and calls as <tool_call> JSON: llama.cpp recognizes the Hermes and Qwen form by it.
CHAT_TEMPLATE = """\
{%- if tools %}{{ '<|im_start|>system\n' }}
{%- if messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{% endif %}
{{- '# Tools\n<tools>' }}
{%- for tool in tools %}{{ '\n' + (tool | tojson) }}{% endfor %}
{{- '\n</tools>\nTo call a function, say:\n<tool_call>\n{"name": <name>, "arguments": <object>}\n</tool_call>' }}
{{- '<|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'user' %}{{ '<|im_start|>user\n' + message.content + '<|im_end|>\n' }}
{%- elif message.role == 'assistant' %}{{ '<|im_start|>assistant\n' + (message.content or '') }}
{%- for call in message.tool_calls or [] %}{% if not loop.first %}{{ '\n' }}{% endif %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- (call.function.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor %}{{ '<|im_end|>\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
{%- elif not loop.first %}{{ raise_exception('a system message must come first') }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
"""

Calls = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class _Line:
    prompt_end: str
    reply: str
    endless: bool


@dataclass
class Script:
    """What the model says, by how the prompt ends. `context` is the trained window, in tokens; a token is a byte."""

    context: int = 65536
    _lines: dict[str, _Line] = field(default_factory=dict)

    def on(self, tail: str, say: str = "", calls: Calls = (), *, endless: bool = False) -> Script:
        """Reply so when the last message is a user's that ends with `tail`; "" is any other user message.

        `say` comes before the calls. An endless reply repeats for ever. Raises: ValueError for an ambiguous script.
        """
        return self._add(tail, AFTER_USER, say, calls, endless)

    def on_result(self, tail: str, say: str = "", calls: Calls = (), *, endless: bool = False) -> Script:
        """Reply so when the last message is a tool result that ends with `tail`; otherwise as `on`."""
        return self._add(tail, AFTER_RESULT, say, calls, endless)

    def build(self, path: Path) -> Path:
        """Write the model file."""
        _write(path, _Vocabulary(self._all_lines()), self.context)
        return path

    def key(self) -> str:
        """Return a text that two scripts share exactly when they build the same model."""
        return repr((self.context, sorted(self._lines.items())))

    def _all_lines(self) -> list[_Line]:
        fallback = _Line(AFTER_USER, UNSCRIPTED, False)
        return list(({AFTER_USER: fallback} | self._lines).values())

    def _add(self, tail: str, after: str, say: str, calls: Calls, endless: bool) -> Script:
        reply = say + "\n".join(_call_text(name, arguments) for name, arguments in calls)
        if not reply:
            raise ValueError(f"no reply to {tail!r}; give a text, calls, or both")
        if END_OF_TEXT in tail or "<|im_start|>" in tail:
            raise ValueError(f"{tail!r} contains a marker of the chat template; end it before the marker")
        prompt_end = tail + after
        self._refuse_ambiguity(prompt_end)
        self._lines[prompt_end] = _Line(prompt_end, reply, endless)
        return self

    def _refuse_ambiguity(self, new: str) -> None:
        for old in self._lines:
            if old == new:
                raise ValueError(f"two replies to a prompt that ends with {new!r}")
            if {old, new} & {AFTER_USER, AFTER_RESULT}:
                continue  # a fallback is meant to be the end of others
            if old.endswith(new) or new.endswith(old):
                raise ValueError(f"{min(old, new, key=len)!r} also ends {max(old, new, key=len)!r}; lengthen it")


def _call_text(name: str, arguments: Mapping[str, Any]) -> str:
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


# Token types of the GGUF format.
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6
_EOS = 2
_FIRST_BYTE = 4


class _Vocabulary:
    """Tokens with a type and a successor each. Every piece of a reply is its own token, so it is also a state."""

    def __init__(self, lines: Sequence[_Line]) -> None:
        self.texts: list[str] = []
        self.kinds: list[int] = []
        self.successors: list[int] = []
        self._known: set[str] = set()
        for text, kind in (("<unk>", _UNKNOWN), ("<s>", _CONTROL), (END_OF_TEXT, _CONTROL), ("<|im_start|>", _CONTROL)):
            self._add(text, kind)
        for byte in range(256):
            self._add(f"<0x{byte:02X}>", _BYTE)
        self._add("\u2581", _NORMAL)  # the tokenizer's space; without it each space would cost three bytes
        for line in lines:
            self._add_line(line)

    def _add_line(self, line: _Line) -> None:
        start = last = self._add(line.prompt_end, _USER_DEFINED)
        for text, kind in self._pieces(line.reply):
            self.successors[last] = last = self._add(text, kind)
        self.successors[last] = start + 1 if line.endless else _EOS

    def _add(self, text: str, kind: int) -> int:
        self._known.add(text)
        self.texts.append(text)
        self.kinds.append(kind)
        self.successors.append(_EOS)
        return len(self.texts) - 1

    def _pieces(self, reply: str) -> Iterator[tuple[str, int]]:
        rest = reply
        while rest:
            piece = self._unused_piece(rest)
            if piece:
                yield piece, _NORMAL
            else:
                yield from self._new_bytes(rest[0])
            rest = rest[len(piece) or 1 :]

    def _unused_piece(self, rest: str) -> str:
        candidates = (rest[:length] for length in range(6, 17))
        return next((c for c in candidates if len(c) > 2 and c not in self._known and "\u2581" not in c), "")

    def _new_bytes(self, character: str) -> Iterator[tuple[str, int]]:
        # llama.cpp reads a byte token's two digits and nothing behind them, so the rest can tell it from its likes.
        for byte in character.encode():
            yield f"<0x{byte:02X}>{len(self.texts)}", _BYTE


_WIDTH = 256  # enough signs that no two codes of some ten thousand come near each other
_KEY_WIDTH = 8
_FULL_LOGIT = 60.0  # of the wanted token; the next best stays below 25
# Second choices: a reply that a grammar turned away from its script closes its JSON, so that it comes to an end.
_CLOSING_LOGITS = {ord('"'): 40.0, ord("}"): 30.0}


def _write(path: Path, vocabulary: _Vocabulary, context: int) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    _write_header(writer, context)
    _write_tokenizer(writer, vocabulary)
    for name, tensor in _tensors(vocabulary):
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_header(writer: Any, context: int) -> None:
    writer.add_name("scripted")
    writer.add_file_type(1)
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_KEY_WIDTH)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_key_length(_KEY_WIDTH)
    writer.add_value_length(_KEY_WIDTH)
    writer.add_rope_dimension_count(_KEY_WIDTH)
    writer.add_layer_norm_rms_eps(1e-6)


def _write_tokenizer(writer: Any, vocabulary: _Vocabulary) -> None:
    writer.add_vocab_size(len(vocabulary.texts))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.encode() for text in vocabulary.texts])
    writer.add_token_scores([0.0] * len(vocabulary.texts))
    writer.add_token_types(vocabulary.kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_EOS)
    writer.add_eot_token_id(_EOS)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def _tensors(vocabulary: _Vocabulary) -> Iterator[tuple[str, Any]]:
    import numpy as np

    codes = np.random.default_rng(0).choice([-1.0, 1.0], (len(vocabulary.texts), _WIDTH))
    embedding, output = codes[vocabulary.successors], codes * (_FULL_LOGIT / _WIDTH)
    embedding[:, 0], output[:, 0] = 1.0, 0.0
    for byte, logit in _CLOSING_LOGITS.items():
        output[_FIRST_BYTE + byte] = 0.0
        output[_FIRST_BYTE + byte, 0] = logit
    yield "token_embd.weight", embedding.astype(np.float16)
    yield "output.weight", output.astype(np.float16)
    for norm in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        yield f"{norm}.weight", np.ones(_WIDTH, np.float32)
    shrinking, growing = (_KEY_WIDTH, _WIDTH), (_WIDTH, _KEY_WIDTH)
    for name in ("attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up"):
        yield f"blk.0.{name}.weight", np.zeros(shrinking, np.float16)
    for name in ("attn_output", "ffn_down"):
        yield f"blk.0.{name}.weight", np.zeros(growing, np.float16)
