"""Text from data, made harmless; numbers as people write them; and the page's own files."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

from noisewise import formatting as wording


def escape(text: object, longest: int | None = None) -> str:
    """Text for HTML content and quoted attributes, cut after `longest` characters.

    Unpaired surrogates (file names that are no UTF-8) become question marks.
    """
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    if longest is not None and len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    return html.escape(plain, quote=True)


def name(text: object, longest: int = 120) -> str:
    """A class or column name as HTML, isolated so that right-to-left text does not turn its surroundings round.

    A name of nothing but white space reads `(blank)`.
    """
    return f"<bdi>{escape(text if str(text).strip() else '(blank)', longest)}</bdi>"


def script_json(value: Any) -> str:
    """JSON for a `<script type="application/json">` block: ASCII alone, and nothing in it can end the block."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def percent(share: float, digits: int = 1) -> str:
    """`wording.percent` with a space that does not break."""
    return unbroken(wording.percent(share, digits))


def count(number: int, one: str, many: str | None = None) -> str:
    """`wording.count` with a space that does not break."""
    return wording.count(number, one, many).replace(" ", "\u00a0", 1)


def unbroken(text: str) -> str:
    """The text with spaces before per cent signs that do not break."""
    return text.replace(" %", "\u00a0%")


def resource(file: str) -> str:
    """The text of one of the page's own files."""
    return (files(__package__) / file).read_text(encoding="utf-8")


def source_hash(text: str) -> str:
    """The source expression with which a content security policy allows exactly this inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
