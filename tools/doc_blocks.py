"""The code blocks of a Markdown page, as a test runs them.

A comment in front of a block says what a test cannot know from the block:

    <!-- file: grid.toml -->          the block is a file, which later blocks use
    <!-- slow -->                     it takes long; it is run with the slow tests
    <!-- not run: why -->             it is not run at all, but its commands must be legal
    <!-- exit: 1 -->                  its command ends with this code
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

PROGRAMS = ("noisewise", "torchrun", "python", "pip", "make", "git", "cd", "export", "ray", "Rscript", "pytest")
_MARK = re.compile(r"<!--\s*(file|slow|not run|exit)(?::\s*(.*?))?\s*-->")


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    Attributes:
        line: its first line on the page.
        language: "python", "shell", "toml", ...; "text" is not code.
        text: what it says.
        marks: what comments in front of it say, by "file", "slow", "not run" and "exit".
    """

    line: int
    language: str
    text: str
    marks: dict[str, str]

    @property
    def quick(self) -> bool:
        """Whether it runs with the quick tests."""
        return "slow" not in self.marks

    def commands(self) -> list[str]:
        """The command lines of a shell block, without comments, prompts and what they print."""
        lines = [line.strip() for line in re.sub(r"\\\n\s*", " ", self.text).splitlines()]
        if any(line.startswith("$ ") for line in lines):
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found = (re.sub(r"(^|\s+)# .*$", "", line).strip() for line in lines)
        return [part.strip() for line in found if line for part in line.split(" && ")]


def blocks(page: str) -> list[Block]:
    """All blocks of a page, in order.

    Args:
        page: its text.
    """
    found: list[Block] = []
    marks: dict[str, str] = {}
    for token in MarkdownIt("commonmark").parse(page):
        if token.type == "html_block":
            marks |= {key: value or "" for key, value in _MARK.findall(token.content)}
        elif token.type in ("fence", "code_block"):
            found.append(Block(_line(token), _language(token), token.content, marks))
            marks = {}
        elif token.type == "inline":
            marks = {}
    return found


def _line(token: Token) -> int:
    return (token.map or [0])[0] + 1


def _language(token: Token) -> str:
    named = token.info.split(" ")[0]
    if named in ("bash", "sh", "console"):
        return "shell"
    if token.type == "code_block" or not named:
        words = re.sub(r"^(\$ |[A-Z_]+=\S+ )", "", token.content.strip()).split()
        if words[:1] == ["import"] or words[:1] == ["from"]:
            return "python"
        return "shell" if words and words[0] in PROGRAMS else "text"
    return named
