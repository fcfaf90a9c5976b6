"""Escaped text, numbers as people write them, and the page's own files."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

from noisewise import formatting


def escape(text: object, longest: int | None = None) -> str:
    """Text for HTML content and quoted attributes, cut after `longest` characters.

    Unpaired surrogates (from file names that are not UTF-8) become question marks.
    """
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    if longest is not None and len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    return html.escape(plain, quote=True)


def name(text: object, longest: int = 120) -> str:
    """A class or column name as HTML, isolated so that right-to-left text does not reorder the text around it.

    A name of nothing but white space is shown as `(blank)`.
    """
    return f"<bdi>{escape(text if str(text).strip() else '(blank)', longest)}</bdi>"


def script_json(value: Any) -> str:
    """JSON for a `<script type="application/json">` block: ASCII only, and nothing in it can end the block."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def percent(share: float, digits: int = 1) -> str:
    """`formatting.percent` with a non-breaking space."""
    return unbroken(formatting.percent(share, digits))


def count(number: int, one: str, many: str | None = None) -> str:
    """`formatting.count` with a non-breaking space."""
    return formatting.count(number, one, many).replace(" ", "\u00a0", 1)


def unbroken(text: str) -> str:
    """The text with non-breaking spaces before per cent signs."""
    return text.replace(" %", "\u00a0%")


def resource(file: str) -> str:
    """The text of one of the page's own files."""
    return (files(__package__) / file).read_text(encoding="utf-8")


def source_hash(text: str) -> str:
    """The source expression by which a content security policy allows exactly this inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
