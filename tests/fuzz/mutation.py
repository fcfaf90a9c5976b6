"""Damaged copies of good files, from seeds: the same on every machine."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence

NUMBERS = (b"\x00", b"\x01", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80")
WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"9" * 30,
    b"null",
    b"[",
    b"{",
    b'"',
    b"'",
    b",",
    b";",
    b"\n",
    b"\r",
    b"\\ud800",
)
SHARE = float(os.environ.get("NOISEWISE_FUZZ", "1"))
"""How many of the cases are tried: 0.1 for a tenth, 10 for ten times as many."""


def damaged(good: bytes, cases: int, *, words: Sequence[bytes] = (), seed: int = 0) -> Iterator[bytes]:
    """Damaged copies: bits flipped, bytes replaced by extreme numbers or words, pieces cut, repeated and moved.

    Args:
        good: the file.
        cases: how many, times `SHARE`.
        words: what is inserted besides numbers; for formats of text.
        seed: of the draws.
    """
    for number in range(max(1, round(cases * SHARE))):
        draw = random.Random(f"{seed} {number}")
        content = bytearray(good)
        for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
            _damage(content, draw, (*NUMBERS, *words))
        yield bytes(content)


def _damage(content: bytearray, draw: random.Random, pieces: Sequence[bytes]) -> None:
    if not content:
        return
    at = draw.randrange(len(content))
    if draw.random() < 0.3:  # heads and tails say how the rest is read
        at = draw.choice((at % 64, len(content) - 1 - at % 64)) % len(content)
    length = draw.choice((1, 2, 4, 8, 64, 1024))
    kind = draw.randrange(6)
    if kind == 0:
        content[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        piece = draw.choice(pieces)
        content[at : at + len(piece)] = piece
    elif kind == 2:
        content[at:at] = draw.choice(pieces)
    elif kind == 3:
        del content[at : at + length]
    elif kind == 4:
        to = draw.randrange(len(content))
        content[to:to] = content[at : at + length]
    elif draw.random() < 0.2:
        del content[at:]
    else:
        content[at : at + length] = draw.randbytes(length)
