"""Matrices of other tools, matched with the rows and classes of a data set by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset
from noisewise.data.readers.matrices import Matrix
from noisewise.data.row_names import FILE, ID, INDEX, file_names
from noisewise.errors import BadInput

_NAMED = 6


def of_rows(matrix: Matrix, rows: Dataset, what: str) -> tuple[Matrix, list[str]]:
    """The matrix with its rows in the order of the data set, and a note if they were matched by name.

    A column called as the ids of the data set (or `index`, or `file`) says which row is which.

    Args:
        matrix: (m, d).
        rows: n rows.
        what: name of the matrix in messages.

    Raises:
        BadInput: a row is missing or occurs twice, or a column of text names nothing.
    """
    for name, known in _row_names(rows).items():
        wanted, rest = _taken(matrix, name)
        if wanted is None and name == ID:  # the index of a frame that has no name
            wanted, rest = _taken(matrix, INDEX)
        if wanted is None or name in rows.classes:
            continue
        at = pd.Index(wanted)
        if not at.is_unique:
            raise BadInput(f"{what} has the {name} {wanted[at.duplicated()][0]!r} twice")
        places = at.get_indexer(pd.Index(known))
        if (places < 0).any():
            missing = int((places < 0).sum())
            raise BadInput(f"{what} has no row with {name} {known[places < 0][0]!r} ({missing:,} rows are missing)")
        for other in _row_names(rows):
            rest = rest if other in rows.classes else _taken(rest, other)[1]
        return replace(rest, values=rest.values[places]), [f"the rows of {what} are matched by {name}"]
    if matrix.texts:
        names = ", ".join(_row_names(rows))
        raise BadInput(
            f"{what} has a column {next(iter(matrix.texts))!r} of text, which does not name the rows of {rows.name} "
            f"({names} would)"
        )
    return matrix, []


def of_classes(rows: Dataset, tables: Sequence[Matrix]) -> tuple[Dataset, list[np.ndarray]]:
    """The data set with all classes that have a probability, and every table with a column per class, in their order.

    Columns are matched by the names of the classes, perhaps behind a common beginning such as `p_`. Columns without
    names are those of the classes in order; where classes are numbers, column k is that of the class k.

    Args:
        rows: n rows of K classes.
        tables: matrices of n rows each.

    Raises:
        BadInput: a table names some classes, but not all.
    """
    names = [_class_names(table, rows.classes, _called(at, tables)) for at, table in enumerate(tables)]
    notes = [
        f"the columns {_some(table.columns)} of {_called(at, tables)} are taken in the order of the classes: "
        f"{_some(rows.classes)}"
        for at, (table, named) in enumerate(zip(tables, names, strict=True))
        if named is None and table.columns is not None
    ]
    extra = [name for name in dict.fromkeys(one for named in names for one in named or ()) if name not in rows.classes]
    classes = (*rows.classes, *extra)
    width = max((one.values.shape[1] for one, named in zip(tables, names, strict=True) if named is None), default=0)
    if width > len(classes) and all(name.isdecimal() and int(name) < width for name in classes):
        classes = tuple(map(str, range(width)))
    if more := [name for name in classes if name not in rows.classes]:
        rows = _of_more_classes(rows, classes)
        notes.append(f"no row has the label {_some(more)}, which has a column in the probabilities")
    found = [
        table.values if named is None else _in_order(table.values, named, classes)
        for table, named in zip(tables, names, strict=True)
    ]
    return with_notes(rows, notes), found


def with_notes(rows: Dataset, notes: Sequence[str]) -> Dataset:
    """The data set with what was noted about matrices given along with it."""
    return rows if not notes else replace(rows, provenance=(*rows.provenance, {"step": "given", "notes": list(notes)}))


def _called(at: int, tables: Sequence[Matrix]) -> str:
    return "probs" if len(tables) == 1 else f"probs {at + 1}"


def _row_names(rows: Dataset) -> dict[str, np.ndarray]:
    """What the rows are called, as text, by the name of the column that would hold it."""
    found: dict[str, np.ndarray] = {}
    if rows.ids is not None:
        found[str(rows.ids.name)] = as_texts(rows.ids)
    if (files := file_names(rows)) is not None:
        found.setdefault(FILE, as_texts(files))
    found.setdefault(INDEX, rows.index.astype(str).astype(object))
    return found


def _taken(matrix: Matrix, name: str) -> tuple[np.ndarray | None, Matrix]:
    """The column that names rows, as text, and the matrix without it."""
    if name in matrix.texts:
        texts = {key: value for key, value in matrix.texts.items() if key != name}
        return as_texts(matrix.texts[name]), replace(matrix, texts=texts)
    if matrix.columns is None or name not in matrix.columns:
        return None, matrix
    at = matrix.columns.index(name)
    rest = [one for one in range(len(matrix.columns)) if one != at]
    column = as_texts(pd.Series(np.asarray(matrix.values[:, at])))
    return column, replace(matrix, values=matrix.values[:, rest], columns=tuple(matrix.columns[one] for one in rest))


def as_texts(column: pd.Series) -> np.ndarray:
    """(n,) cells as text without white space around it; whole numbers have no point."""
    if column.dtype.kind == "f" and (column.dropna() == column.dropna().round()).all():
        column = column.astype("Int64")
    return column.astype(object).where(column.notna(), "").astype(str).str.strip().to_numpy(dtype=object)


def _class_names(table: Matrix, classes: tuple[str, ...], what: str) -> list[str] | None:
    """What the columns are called, without a common beginning; None where they are not called as the classes are."""
    if table.columns is None:
        return None
    names = list(table.columns)
    start = next((name[: -len(one)] for one in classes for name in names if one and name.endswith(one)), "")
    for cut in ("", start):
        plain = [name.removeprefix(cut) for name in names] if all(name.startswith(cut) for name in names) else []
        if set(classes) <= set(plain):
            return plain
        shared = [name for name in classes if name in plain]
        if len(shared) > 1 or (shared and len(classes) == 2):
            lacking = next(name for name in classes if name not in plain)
            raise BadInput(f"{what} has a column for the class {shared[0]!r}, but none for {lacking!r}")
    return None


def _in_order(values: np.ndarray, names: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    if tuple(names) == tuple(classes):
        return values
    if set(classes) <= set(names):
        return values[:, [names.index(name) for name in classes]]
    zeros = np.zeros(len(values), dtype=values.dtype)  # of a class that this tool does not know
    return np.stack([values[:, names.index(name)] if name in names else zeros for name in classes], axis=1)


def _of_more_classes(data: Dataset, classes: tuple[str, ...]) -> Dataset:
    """The data set, in all its splits, with further classes, which no row has."""
    numbers = np.array([classes.index(name) for name in data.classes])
    parts: Mapping[str, Any] = {name: _of_more_classes(part, classes) for name, part in data.parts.items()}
    given = numbers[data.given] if data.labelled else data.given
    return replace(
        data, classes=classes, given=given, truth=None if data.truth is None else numbers[data.truth], **parts
    )


def _some(names: Sequence[str] | None) -> str:
    held = list(names or ())
    return ", ".join(held[:_NAMED]) + (", ..." if len(held) > _NAMED else "")
