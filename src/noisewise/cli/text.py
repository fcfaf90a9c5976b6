"""Text from data, made safe to print: class names and file names may contain anything."""

from __future__ import annotations


def printable(value: object) -> str:
    """One line of text: white space becomes one space, and control characters, which a terminal would obey, `?`."""
    words = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "?" for character in words)
