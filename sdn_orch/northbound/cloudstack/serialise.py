"""Answers as JSON and as XML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

#: The version whose API this is, as clients are told.
VERSION = "4.22.1.0"

#: What XML 1.0 cannot hold, in any spelling.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def to_json(root: str, answer: dict[str, object]) -> bytes:
    """`{root: answer}`."""
    return json.dumps({root: answer}, ensure_ascii=False, separators=(",", ":")).encode()


def to_xml(root: str, answer: dict[str, object]) -> bytes:
    """One element; the items of a list repeat the element that the list is called by."""
    content = "".join(_content(answer))
    attribute = f"cloud-stack-version={quoteattr(VERSION)}"
    return f'<?xml version="1.0" encoding="UTF-8"?><{root} {attribute}>{content}</{root}>'.encode()


def _content(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _element(name, member)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield escape(_UNSPEAKABLE.sub("\ufffd", str(value)))


def _element(name: str, value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _element(name, item)
    elif _NAME.fullmatch(name):
        yield f"<{name}>"
        yield from _content(value)
        yield f"</{name}>"
