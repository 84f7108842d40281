"""An HTML page turned into Markdown: its title, then what is there to read, with whole links."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from core.errors import ToolError, UsageError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

# What is not read, and what a person would not see: text hidden on a page is there for machines.
_DROPPED = ", ".join(
    (
        *("script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "embed", "head", "dialog"),
        *("nav", "footer", "aside", "button", "input", "select", "textarea", '[role="navigation"]', "[hidden]"),
        *(
            '[aria-hidden="true"]',
            '[style*="display:none"]',
            '[style*="display: none"]',
            '[style*="visibility:hidden"]',
        ),
    )
)
_LONG = 200  # characters of text that a page's main part must have to stand for the page
_GAP = re.compile(r"\s{64,}")  # the converter's time grows with the square of such a run
_MOST = 500_000  # characters of HTML that are converted; more becomes bare text, as conversion takes seconds
# Nesting costs its square: in the parser at a depth of thousands, in the converter at one of dozens.
_DEEPEST = 10_000
_DEEP = "*" + " > *" * 99 + ", " + " ".join([":is(blockquote, ul, ol)"] * 9)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9-]{0,30})\b", re.IGNORECASE)
# Elements that have no end tag, or may leave it away.
_UNPAIRED = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"),
        *("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"),
    )
)


def to_markdown(html: str, url: str) -> str:
    """Convert a page; "" where nothing in it is text.

    Raises: ToolError for a page that is nested absurdly; UsageError where the converters are not installed.
    """
    try:
        from selectolax.lexbor import LexborHTMLParser
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed; run: pip install -r requirements.txt") from error

    if (depth := _depth(html)) > _DEEPEST:
        raise ToolError(f"{url!r} nests its elements {depth} deep; fetch it with raw=true, or another page")
    page = LexborHTMLParser(html)
    title = page.css_first("title")
    heading = " ".join(title.text().split()) if title else ""
    base = page.css_first("base[href]")
    address = _absolute(url, base.attributes.get("href")) if base else url
    for unread in reversed(page.css(_DROPPED)):  # what is inside another goes first, as both are freed
        unread.decompose()
    main = _main(page)
    if main is None:
        return heading
    _complete_links(main, address or url)
    _drop_spans(main)
    text = _converted(main)
    return f"# {heading}\n\n{text}" if heading and not text.startswith(f"# {heading}") else text


def _depth(html: str) -> int:
    """Return how deep elements are nested, as far as tags alone tell."""
    open_tags: Counter[str] = Counter()
    depth = deepest = 0
    for end, spelled in _TAG.findall(html):
        name = spelled.lower()
        if name in _UNPAIRED or (end and not open_tags[name]):
            continue
        open_tags[name] += -1 if end else 1
        depth += -1 if end else 1
        deepest = max(deepest, depth)
    return deepest


def _main(page: LexborHTMLParser) -> LexborNode | None:
    """Return the part of the page that its author marked as the main one, or all of it."""
    for selector in ("main", '[role="main"]', "article"):
        found = page.css(selector)
        if len(found) == 1 and len(found[0].text(strip=True)) >= _LONG:
            return found[0]
    return page.body


def _complete_links(main: LexborNode, url: str) -> None:
    """Write every link out; take away those that lead to no web address, and pictures without words."""
    for link in main.css("a[href]"):
        target = _absolute(url, link.attributes.get("href"))
        if target:
            link.attrs["href"] = target
        else:
            del link.attrs["href"]
    for picture in main.css("img"):
        source = _absolute(url, picture.attributes.get("src"))
        if source and (picture.attributes.get("alt") or "").strip():
            picture.attrs["src"] = source
        else:
            picture.decompose()


def _drop_spans(main: LexborNode) -> None:
    """Make every table cell one column wide: a cell may claim thousands, each of which would be written out."""
    for cell in main.css("[colspan]"):
        del cell.attrs["colspan"]


def _absolute(url: str, link: str | None) -> str:
    """Return a link as a whole web address, or "" if it is none."""
    try:
        target = urljoin(url, (link or "").strip())
    except ValueError:
        return ""
    return target if re.match(r"https?://", target) else ""


def _converted(main: LexborNode) -> str:
    """Return the element as Markdown, or as bare text where it is too long or too deeply nested to convert."""
    import markdownify

    html = _GAP.sub("\n", main.html or "")
    if len(html) > _MOST or main.css_first(_DEEP):
        return _bare(main)
    try:
        converted = markdownify.markdownify(
            html, heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False
        )
    except RecursionError:
        return _bare(main)
    return _tidy(converted)


def _bare(main: LexborNode) -> str:
    return _tidy(main.text(separator="\n"))


def _tidy(text: str) -> str:
    """Drop white space at line ends and all but one of several empty lines."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
