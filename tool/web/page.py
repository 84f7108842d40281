"""The body of a web answer turned into readable text: HTML to Markdown, JSON indented, other text decoded."""

from __future__ import annotations

import codecs
import json
import re

from tool.web.html import to_markdown

_HTML = ("text/html", "application/xhtml+xml")
_TEXT = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|yaml|toml|javascript|ecmascript|sql|x-(?:sh|yaml|ndjson|tex|httpd-php))"
)
# Only these: others of Python's codecs run code that is slow or has no business with a web page.
_CHARSET = re.compile(
    r"ascii|utf-8|utf-16(?:-[bl]e)?|iso8859-\d+|cp\d+|koi8-[rut]|gb\w+|big5\w*|euc_\w+|shift_jis\w*|iso2022_\w+|tis-620|mac-\w+"
)
_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_PARAMETER = re.compile(r";\s{0,9}charset=[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_WITHIN = 4096  # bytes; the standard asks for 1024
# Characters that show nothing, or reorder what is shown: they could hide from a person what a model reads.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060-\u2064\ufeff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def readable(body: bytes, content_type: str, url: str, raw: bool = False) -> str:
    """Return the text of a body, or a line that says why there is none."""
    kind = kind_of(content_type, body)
    if kind not in _HTML and not _TEXT.fullmatch(kind):
        return f"[{kind} is no text, so nothing of it is shown]"
    text = decode(body, content_type)
    if not raw and kind in _HTML:
        text = to_markdown(text, url) or "[the page has no text; it may be drawn by a program in the browser]"
    elif not raw and kind.endswith("json"):
        text = _indented(text)
    return _INVISIBLE.sub("", text) or "[nothing]"


def kind_of(content_type: str, body: bytes) -> str:
    """Return the media type as the server named it; as the body looks where it named none or a vague one."""
    kind = content_type.partition(";")[0].strip().lower()
    if re.fullmatch(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}", kind) and kind not in _VAGUE:
        return kind
    if body.lstrip()[:100].lower().startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "text/plain" if _looks_like_text(body) else "application/octet-stream"


_VAGUE = ("application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown")


def decode(body: bytes, content_type: str) -> str:
    """Decode by byte order mark, header or meta element; else as UTF-8, or as Windows-1252 if it is none."""
    for mark, charset in _BYTE_ORDER_MARKS.items():
        if body.startswith(mark):
            return body[len(mark) :].decode(charset, "replace")
    for named in (_header_charset(content_type), _meta_charset(body)):
        if charset := _known(named):
            return body.decode(charset, "replace")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        # A body that was cut may end inside a character.
        cut_off = error.start >= len(body) - 3
        return body.decode("utf-8" if cut_off else "cp1252", "replace")


def _header_charset(content_type: str) -> str:
    found = _PARAMETER.search(content_type)
    return found[1] if found else ""


def _meta_charset(body: bytes) -> str:
    found = _META.search(body, 0, _META_WITHIN)
    return found[1].decode("ascii") if found else ""


def _known(charset: str) -> str:
    """Return the codec of a charset's name, or "" for one that is not used for web pages."""
    try:
        name = codecs.lookup(charset).name if charset else ""
    except (LookupError, ValueError):
        return ""
    # Browsers read the Latin-1 family as its superset, as pages that claim it are mostly that.
    return "cp1252" if name in ("ascii", "iso8859-1") else name if _CHARSET.fullmatch(name) else ""


def _indented(text: str) -> str:
    """Return JSON with a line per value, so that it can be paged; as it came where it is none."""
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _looks_like_text(body: bytes) -> bool:
    if b"\0" in body[:4096]:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body[:4096])
    except UnicodeDecodeError:
        return False
    return True
