"""Category 3: hostile names in pages, and files that could run or name others."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

import noisewise as nw

from ..case import ENDS, Case, Outcome
from ..made import QUICK, all_of, copied, lines, photos, read_json, table, text, write

IMAGE = "<img src=x onerror=alert(1)>"
NAMES = {
    "an image": IMAGE,
    "a script": "<script>alert(1)</script>",
    "an end of a script": "</script><script>alert(1)</script>",
    "an end of a title": "</title><svg onload=alert(1)>",
    "an attribute": '" onmouseover="alert(1)',
    "a comment": "--><img src=x onerror=alert(1)><!--",
    "a Markdown link": "[x](javascript:alert(1))",
    "a Markdown image": "![x](http://example.invalid/x.png)",
    "a row of Markdown": "a|b|\\|`x`",
    "XML": "]]><x xmlns='y'/>&lol;",
    "a template": "{{7*7}}${7*7}{%x%}",
    "the other direction": "\u202e\u2066gnp.x",
    "zero width": "a\u200b\ufeffb",
    "many marks": "z" + "\u0300" * 500,
}
AUDIT = ["audit", "t.csv", *QUICK, "--out", "out"]
TRAIN = ["train", "t.csv", "--method", "ce", "--model", "mlp:8", "--epochs", "2", "--out", "out"]


def cases() -> Iterator[Case]:
    """All of them."""
    for name, hostile in NAMES.items():
        names = (hostile, f"{hostile} 2", "fir")
        for words in (AUDIT, TRAIN, ["review", "mine", "--to", "label-studio", "--out", "out.json"]):
            before = all_of(
                lambda names=names: table_of(names, hostile_column=names[0]),
                *([_audited] if words[0] == "review" else []),
            )
            yield Case("3", f"{name} as name of a class and a column", words, before, (0,), _no_markup, seconds=120)
        yield Case(
            "3",
            f"{name} as name of a bench",
            ["bench", "grid.toml", "--engine", "serial", "--out", "out"],
            all_of(table, lambda hostile=hostile: _grid(hostile)),
            (0,),
            _no_markup,
        )
        yield Case(
            "3",
            f"{name} as name of a folder of pictures",
            ["audit", "p", *QUICK, "--out", "out"],
            lambda hostile=hostile: _folders(hostile),
            (0,),
            _no_markup,
        )
    yield from _files()


def table_of(names: tuple[str, ...], hostile_column: str) -> None:
    """A table with these classes and a column of this name."""
    quoted = tuple('"' + name.replace('"', '""') + '"' for name in names)
    column = '"' + hostile_column.replace('"', '""') + '"'
    write("t.csv", "\n".join(lines(names=quoted, head=f"a,b,c,{column},label")) + "\n")


def _audited() -> None:
    nw.audit("t.csv", model="linear", out="mine")


def _grid(name: str) -> None:
    write("grid.toml", f'name = {json.dumps(name)}\nsource = "t.csv"\nmethod = "ce"\nmodel = "mlp:8"\nepochs = 1\n')


def _folders(name: str) -> None:
    photos(classes=[name.replace("/", "_")[:80], "dog"])


class Tags(HTMLParser):
    """What a page holds that could act."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.policy = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        stated = dict(attributes)
        if tag == "meta" and (stated.get("http-equiv") or "").lower() == "content-security-policy":
            self.policy = True
        self.found += [f"<{tag} {name}>" for name in stated if name.startswith("on")]
        links = [stated.get(name) or "" for name in ("src", "href", "data", "action", "xlink:href")]
        self.found += [
            f"<{tag}> to {link[:60]}" for link in links if link and not link.startswith(("data:image/", "#"))
        ]
        if tag in ("iframe", "object", "embed", "base"):
            self.found.append(f"<{tag}>")

    def handle_data(self, content: str) -> None:
        if self.cdata_elem == "script" and content.strip() == "alert(1)":
            self.found.append("a script of the name")


def _no_markup(outcome: Outcome) -> str:
    """Pages and Markdown of the results hold nothing that acts."""
    found = []
    for path in Path().glob("out*/**/*"):
        if path.suffix == ".html":
            page = Tags()
            page.feed(path.read_text(encoding="utf-8"))
            found += [f"{path}: {one}" for one in page.found]
            found += [] if page.policy else [f"{path}: no content security policy"]
        elif path.suffix == ".md":
            bare = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))
            found += [f"{path}: {one[:60]}" for one in re.findall(r"(?<!\\)<(?:img|script|svg)[^>]*>", bare)]
            found += [f"{path}: {one[:60]}" for one in re.findall(r"(?<!\\)!?\[x(?<!\\)\]\([^)]*\)", bare)]
    return "; ".join(found[:3])


class Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("it-ran",)


def _files() -> Iterator[Case]:
    yield Case(
        "3",
        "a saved table that names a picture of another folder",
        ["audit", "s.parquet", *QUICK, "--out", "out"],
        skip="only more than a gigabyte of pictures is saved by their names",
    )
    pickled = all_of(table, copied("run"), lambda: write("run/model.safetensors", pickle.dumps(Evil())))
    yield Case(
        "3", "a model that is a pickle", ["predict", "run", "t.csv", "--out", "out.csv"], pickled, (2,), _nothing_ran
    )
    checkpoint = all_of(table, copied("run", "out"), lambda: _every(Path("out/checkpoint"), pickle.dumps(Evil())))
    yield Case(
        "3",
        "a checkpoint that is a pickle",
        [*TRAIN[:-2], "--resume", "--out", "out"],
        checkpoint,
        ENDS,
        _nothing_ran,
        kept=True,
    )
    for key in ("model", "method"):
        named = all_of(
            table,
            copied("run"),
            text("evil.py", "open('it-ran', 'w')\ndef x(*a, **k): pass\n"),
            lambda key=key: _names(key),
        )
        yield Case(
            "3",
            f"a run that names code of the working folder as {key}",
            ["predict", "run", "t.csv", "--out", "out.csv"],
            named,
            ENDS,
            _nothing_ran,
        )
    embed = all_of(
        table,
        lambda: os.mkdir("m"),
        text("m/config.json", '{"auto_map": {"AutoModel": "evil.X"}, "model_type": "x"}'),
        text("m/evil.py", "open('it-ran', 'w')\n"),
        lambda: write("m/pytorch_model.bin", pickle.dumps(Evil())),
    )
    yield Case(
        "3",
        "an encoder with code of its own",
        ["audit", "t.csv", "--embed", "m", "--out", "out"],
        embed,
        (2,),
        _nothing_ran,
    )
    yield Case(
        "3",
        "probabilities that are a pickle",
        ["audit", "t.csv", "--probs", "p.npy", "--out", "out"],
        all_of(table, lambda: np.save("p.npy", np.array([Evil()] * 60, dtype=object), allow_pickle=True)),
        (2,),
        _nothing_ran,
    )


def _every(folder: Path, content: bytes) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(content)


def _names(key: str) -> None:
    run = read_json("run/run.json")
    run["experiment"][key] = "evil:x"
    write("run/run.json", json.dumps(run))


def _nothing_ran(outcome: Outcome) -> str:
    return "code of the file ran" if Path("it-ran").exists() else ""
