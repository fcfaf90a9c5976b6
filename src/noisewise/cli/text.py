"""Text from data, made safe to print: class names and file names may hold anything."""

from __future__ import annotations


def printable(value: object) -> str:
    """One line of text: runs of white space become a space, and control characters `?`, which no terminal obeys."""
    words = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "?" for character in words)
