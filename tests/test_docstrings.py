"""Docstrings as tools read them: every documented argument exists, stands on its own line, and none is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "noisewise"

SECTION = re.compile(r"^( *)(Args|Attributes):$")
ENTRY = re.compile(r"^((?:\*{0,2}\w+(?:, )?)+):(?: |$)")
# A further entry behind a full stop: "net: the network. x: (n, d) rows."
FURTHER = re.compile(r"(?<=[.)]) ((?:\w+, )*\w+): ")


@dataclass(frozen=True)
class Section:
    """A section of a docstring that lists arguments or attributes."""

    kind: str
    names: list[str]
    entries: list[str]


def sections(docstring: str) -> Iterator[Section]:
    """The sections `Args` and `Attributes` of a docstring, with each entry joined to one line."""
    lines = docstring.splitlines()
    for number, line in enumerate(lines):
        if match := SECTION.match(line):
            indent = len(match[1]) + 4
            entries: list[str] = []
            for text in lines[number + 1 :]:
                depth = len(text) - len(text.lstrip())
                if not text.strip() or depth < indent:
                    break
                if depth == indent or not entries:
                    entries.append(text.strip())
                else:
                    entries[-1] += " " + text.strip()
            names = [match[1] for entry in entries if (match := ENTRY.match(entry))]
            yield Section(line.strip(" :"), names, entries)


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of the arguments of a function, without `self` and `cls`."""
    a = function.args
    found = [one.arg for one in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg) if one is not None]
    return [name for name in found if name not in ("self", "cls")]


def constructor(kind: ast.ClassDef) -> list[str]:
    """What is given to make an instance: the arguments of `__init__`, or the fields of a dataclass."""
    for node in kind.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return arguments(node)
    fields = [node for node in kind.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    plain = [field for field in fields if "ClassVar" not in ast.unparse(field.annotation)]
    return [field.target.id for field in plain if isinstance(field.target, ast.Name)]


def attributes(kind: ast.ClassDef) -> set[str]:
    """Names that instances have: fields, methods, and what is assigned to `self`."""
    found = {n.target.id for n in kind.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    found |= {t.id for n in kind.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    found |= {node.name for node in kind.body if isinstance(node, ast.FunctionDef)}
    inside = (n for n in ast.walk(kind) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name))
    return found | {node.attr for node in inside if isinstance(node.value, ast.Name) and node.value.id == "self"}


def offences(source: str) -> Iterator[str]:
    """What is wrong with the docstrings of a module, one line each."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for section in sections(ast.get_docstring(node) or ""):
            where = f"{node.lineno} {node.name}: "
            known, needed = names_of(node, section.kind)
            for entry in section.entries:
                match = ENTRY.match(entry)
                further = [name for m in FURTHER.finditer(entry) for name in m[1].split(", ") if name in known]
                if match is None:
                    yield f"{where}not of the form 'name: text': {entry}"
                elif ", " in match[1] or further:
                    yield f"{where}several on one line: {entry}"
            behind = [m[1] for entry in section.entries for m in FURTHER.finditer(entry)]
            listed = [name.strip("* ") for names in section.names for name in names.split(",")]
            inherits = isinstance(node, ast.ClassDef) and bool(node.bases)
            for name in listed:
                if name not in known and not inherits:
                    yield f"{where}there is no {name!r}"
            for name in needed:
                if name not in listed and name not in ", ".join(behind).split(", ") and not name.startswith("_"):
                    yield f"{where}{name!r} is not documented"


def names_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, kind: str) -> tuple[set[str], list[str]]:
    """The names that a section may document, and those that it must."""
    if not isinstance(node, ast.ClassDef):
        found = arguments(node)
        return set(found), [] if node.name.startswith("_") and node.name != "__init__" else found
    if kind == "Args":
        found = constructor(node)
        return set(found), found
    return attributes(node), []


def modules() -> list[Path]:
    """The modules whose docstrings are checked."""
    return sorted([*SOURCES.rglob("*.py"), *(ROOT / "tools").glob("*.py")])


def test_every_documented_argument_exists_and_has_a_line() -> None:
    found = [f"{path.relative_to(ROOT)}:{said}" for path in modules() for said in offences(path.read_text("utf-8"))]
    assert not found, "\n".join(found)


PLANTED = {
    "def f(x, y):\n    '''Add.\n\n    Args:\n        x: one. y: two.\n    '''\n": "several on one line",
    "def f(x, y):\n    '''Add.\n\n    Args:\n        x, y: numbers.\n    '''\n": "several on one line",
    "def f(x):\n    '''Add.\n\n    Args:\n        x: one.\n        z: two.\n    '''\n": "there is no 'z'",
    "def f(x, *, y):\n    '''Add.\n\n    Args:\n        x: one.\n    '''\n": "'y' is not documented",
    "class F:\n    '''A sum.\n\n    Attributes:\n        z: two.\n    '''\n\n    x: int\n": "there is no 'z'",
    "class F:\n    '''Sum.\n\n    Args:\n        x: one.\n    '''\n\n    x: int\n    y: int\n": "'y' is not documented",
}


@pytest.mark.parametrize("source", PLANTED)
def test_planted_offence_is_found(source: str) -> None:
    assert [PLANTED[source] in said for said in offences(source)] == [True]


def test_docstring_in_order_passes() -> None:
    args = "    Args:\n        x: (B, K), at a rate of 1. Then: more.\n        y: two,\n            or three.\n"
    source = f"def f(x, y):\n    '''Add.\n\n{args}\n    Raises:\n        ValueError: never.\n    '''\n"
    assert list(offences(source)) == []
