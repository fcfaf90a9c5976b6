"""What people reviewed in data whose format has no room for it: kept beside the data, and read with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from noisewise.data.dataset import Dataset
from noisewise.data.row_names import FILE
from noisewise.doors import parsing
from noisewise.errors import BadInput
from noisewise.files import to_json

KEY = b"noisewise-reviews"
ROWS = "reviewed_rows"
COLUMNS: dict[str, Any] = {
    "index": (int, str),
    "decision": str,
    "former": str,
    "label": (str, type(None)),
    "suggested": str,
    "suspicion": (int, float),
    "weight": (int, float),
}
LARGEST = 1 << 28  # bytes of a file of reviews


def beside(path: Path) -> Path:
    """The file that holds the reviews of a folder or of a table: hidden in the folder, or next to the table."""
    return path / ".noisewise-reviews.json" if path.is_dir() else path.with_name(f"{path.name}.reviews.json")


def reviews(data: Dataset, name: Callable[[int], int | str | None]) -> list[dict[str, Any]]:
    """The reviews in the provenance of a data set, as plain data.

    Args:
        data: the reviewed data.
        name: what a row is called in what is written, from its index: a number, a file, or None if it is not there.
    """
    return [renamed(step, name) for step in data.provenance if step.get("step") == "decide" and ROWS in step]


def renamed(step: Mapping[str, Any], name: Callable[[Any], int | str | None]) -> dict[str, Any]:
    """A record of a review whose rows are called otherwise; rows without a name are left out."""
    lines = step[ROWS]
    names = [name(one) for one in lines["index"]]
    kept = [at for at, one in enumerate(names) if one is not None]
    chosen = {column: [values[at] for at in kept] for column, values in lines.items()}
    return {**step, ROWS: {**chosen, "index": [names[at] for at in kept]}}


def written_beside(path: Path, found: Sequence[Mapping[str, Any]], content: bytes = b"") -> str:
    """The content of the file beside `path`; `content` is what the table holds, of which the reviews are valid."""
    proof = {} if path.is_dir() else {"sha256": hashlib.sha256(content).hexdigest()}
    return to_json({"about": "what was reviewed, for noisewise", **proof, "steps": list(found)})


def with_reviews(data: Dataset, path: Path) -> Dataset:
    """The data set with the reviews that were kept beside its file or folder, if there are any.

    Reviews of another version of a table are not used, and a note says so.

    Raises:
        BadInput: the file of reviews is damaged.
    """
    if path.is_file() and path.suffix.lower() == ".parquet":
        with parsing(path):
            raw = (parquet.read_schema(path).metadata or {}).get(KEY)
        where = path
    else:
        where = beside(path)
        raw = where.read_bytes() if where.is_file() and where.stat().st_size <= LARGEST else None
    if raw is None:
        return data
    place: dict[Any, int] = {index: index for index in data.index.tolist()}
    if path.is_dir() and data.described is not None and FILE in data.described:
        place = dict(zip(data.described[FILE].astype(str), data.index.tolist(), strict=True))
    try:
        head = json.loads(raw)
        if "sha256" in head and head["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
            note = f"{where.name} holds reviews of another version of {path.name}, and is not used"
            return replace(data, provenance=(*data.provenance, {"step": "reviews", "notes": [note]}))
        steps = [renamed(_checked(step), place.get) for step in head["steps"]]
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise BadInput(f"{where} is no file of reviews by noisewise: delete it, or make it again by decide") from error
    return replace(data, provenance=(*data.provenance, *steps))


def _checked(step: Any) -> dict[str, Any]:
    """The record of a review as `decide` writes it.

    Raises:
        ValueError: it is not.
    """
    lines = step[ROWS]
    numbers = [step[name] for name in ("reviewed", "not_reviewed")] + list(step["decisions"].values())
    if step["step"] != "decide" or not all(type(number) is int for number in numbers):
        raise ValueError("no record of a review")
    if not COLUMNS.keys() <= lines.keys() or len({len(lines[name]) for name in COLUMNS}) != 1:
        raise ValueError("no table of rows")
    if not all(isinstance(value, kind) for name, kind in COLUMNS.items() for value in lines[name]):
        raise ValueError("a value of another type")
    rate = step.get("certified", {"noise_rate": dict.fromkeys(("estimate", "low", "high"))})["noise_rate"]
    if not all(rate[name] is None or isinstance(rate[name], float) for name in ("estimate", "low", "high")):
        raise ValueError("no interval")
    return dict(step)


def in_schema(table: pa.Table, found: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The table with the reviews in its metadata."""
    if not found:
        return table
    content = to_json({"about": "what was reviewed, for noisewise", "steps": list(found)}).encode()
    return table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: content})
