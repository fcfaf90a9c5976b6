"""Trusted rows: those whose labels are known to be correct, marked in a column, named in a file, or reviewed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset
from noisewise.data.readers.labels import number_labels
from noisewise.data.row_names import FILE, INDEX, file_names
from noisewise.errors import BadInput, nearest
from noisewise.formatting import count

REVIEWED = "reviewed"
MARKED = ("1", "1.0", "true", "t", "yes", "y", "x")
UNMARKED = ("0", "0.0", "false", "f", "no", "n", "")
DECISION, SKIPPED = "decision", ("unsure", "remove", "")


def with_trusted(
    data: Dataset, wanted: str, table: Callable[[Path], pd.DataFrame | None], rows: Callable[[Path], Dataset]
) -> Dataset:
    """The data set with its trusted rows as a split.

    Args:
        data: n rows.
        wanted: a column of the table, which marks rows by yes and no, 1 and 0, true and false, or holds the correct
            labels of some rows; a file that names rows (in a column `index`, `file` or that of the ids, one per line,
            or as an `.npy` file of indices), perhaps with their correct labels (in a column `label`); a file or folder
            of further rows; or "reviewed", the rows whose labels a person has decided.
        table: reads a file that names rows; None where it is none.
        rows: reads a source of further rows.

    Raises:
        BadInput: there are no such rows, or no others are left; a row or a label is unknown.
    """
    if data.trusted is not None:
        raise BadInput(f"trusted={wanted!r}: {data.name} has {count(len(data.trusted), 'trusted row')} already")
    if data.described is not None and wanted in data.described:
        return by_column(data, wanted)
    path = Path(wanted).expanduser()
    if wanted == REVIEWED and not path.exists():
        return set_aside(data, _reviewed(data), None, "reviewed by a person")
    if not path.exists():
        known = [] if data.described is None else [str(name) for name in data.described.columns]
        hint = nearest(wanted, known)
        raise BadInput(f"trusted={wanted!r} is neither a column of {data.name}, nor a file, nor 'reviewed'{hint}")
    named = table(path)
    return beside(data, rows(path), f"of {path.name}") if named is None else by_names(data, named, path)


def by_column(data: Dataset, name: str) -> Dataset:
    """The trusted rows that a column of the table marks, or gives the correct labels of.

    Raises:
        BadInput: the column has other values, or may be read in both ways.
    """
    assert data.described is not None
    used = [column for column in data.columns if column.name == name and column.used]
    if used:
        raise BadInput(f"trusted={name!r} is an input of {data.name}: name it when the table is read")
    values = _texts(data.described[name])
    found, lowered = set(values) - {""}, np.array([value.lower() for value in values], dtype=object)
    marks, labels = set(lowered) <= {*MARKED, *UNMARKED}, _labels_in(values, data.classes)
    if marks and labels is not None and len(found) > 1:
        raise BadInput(
            f"trusted={name!r} may mark rows or hold their labels, since {' and '.join(sorted(found))} are classes: "
            "write yes and no, or name the rows in a file"
        )
    if marks:
        return set_aside(data, np.isin(lowered, MARKED), None, f"marked in the column {name!r}")
    if labels is None:
        odd = next(value for value in values if value and value not in data.classes)
        raise BadInput(f"trusted={name!r}: the value {odd!r} is neither yes or no (1 or 0, true or false) nor a class")
    mask = values != ""
    return set_aside(data, mask, labels, f"with labels in the column {name!r}")


def by_names(data: Dataset, table: pd.DataFrame, path: Path) -> Dataset:
    """The trusted rows that a file names by their index, file or id, perhaps with their correct labels.

    Raises:
        BadInput: no column names rows; a row or a label is unknown; a row is named twice.
    """
    key, names, table = _key(data, table, path)
    if DECISION in table:
        table = table[~np.isin(_texts(table[DECISION]), SKIPPED)]
    wanted = _texts(table[key])
    places = pd.Index(names).get_indexer(pd.Index(wanted)) if pd.Index(names).is_unique else None
    if places is None:
        raise BadInput(f"trusted={str(path)!r}: the rows of {data.name} have no unique {key}")
    if (places < 0).any():
        more = f" and {count(int((places < 0).sum()) - 1, 'other')}" if (places < 0).sum() > 1 else ""
        raise BadInput(f"trusted={str(path)!r}: {data.name} has no row with {key} {wanted[places < 0][0]!r}{more}")
    if len(set(places.tolist())) < len(places):
        again = wanted[pd.Index(places).duplicated()][0]
        raise BadInput(f"trusted={str(path)!r} names the row with {key} {again!r} twice")
    mask = np.zeros(len(data), dtype=bool)
    mask[places] = True
    return set_aside(data, mask, _stated(data, table, places, path), f"named in {path.name}")


def beside(data: Dataset, rows: Dataset, how: str) -> Dataset:
    """The data set with further rows as its trusted split, which are given an index of their own.

    Raises:
        BadInput: they differ in shape, or have another class.
    """
    if (rows.kind, rows.shape) != (data.kind, data.shape):
        raise BadInput(
            f"the trusted rows {how} are {rows.kind} of shape {rows.shape}, but {data.name} has {data.kind} of shape "
            f"{data.shape}"
        )
    unknown = [rows.classes[k] for k in np.unique(rows.given) if rows.classes[k] not in data.classes]
    if unknown:
        raise BadInput(f"the trusted rows {how} have the class {unknown[0]!r}, which {data.name} does not have")
    given = np.array([data.classes.index(rows.classes[k]) for k in rows.given.tolist()], dtype=np.int64)
    start = max(part.capacity for part in (data, *(p for name, p in data.parts.items() if name != "test")))
    part = replace(rows.alone(), given=given, truth=None, classes=data.classes, index=start + np.arange(len(rows)))
    return _with(data, part, how)


def set_aside(data: Dataset, mask: np.ndarray, labels: np.ndarray | None, how: str) -> Dataset:
    """Move some rows to the trusted split.

    Args:
        data: n rows.
        mask: (n,) bool, the trusted rows.
        labels: (n,) their correct labels; None for the given ones. Entries of other rows do not matter.
        how: they are known, for people.

    Raises:
        BadInput: no row is trusted, or fewer than two others are left.
    """
    if not mask.any() or (~mask).sum() < 2:
        left = f"and leaves {count(int((~mask).sum()), 'row')} to train on" if mask.any() else "in no row"
        raise BadInput(f"trusted rows of {data.name}, {how}: {count(int(mask.sum()), 'row')} {left}")
    part = data.alone().take(mask)
    if labels is not None:
        part = replace(part, given=labels[mask])
    return _with(data.take(~mask), part, how)


def _with(data: Dataset, part: Dataset, how: str) -> Dataset:
    said = f"{count(len(part), 'row')} {how} {'is' if len(part) == 1 else 'are'} trusted: labels there count as correct"
    record = {"step": "trusted", "rows": len(part), "how": how, "notes": [said]}
    return replace(data, trusted=part, provenance=(*data.provenance, record))


def _reviewed(data: Dataset) -> np.ndarray:
    """(n,) bool, the rows whose present label a person has decided, by the provenance."""
    decided: dict[int, str] = {}
    for step in data.provenance:
        if step.get("step") == "decide" and "reviewed_rows" in step:
            decided |= dict(zip(step["reviewed_rows"]["index"], step["reviewed_rows"]["label"], strict=True))
    pairs = zip(data.index.tolist(), data.given.tolist(), strict=True)
    found = np.array([index in decided and decided[index] == data.classes[label] for index, label in pairs], dtype=bool)
    if not found.any():
        raise BadInput(f"trusted='reviewed': no label of {data.name} was decided in a review (see `noisewise decide`)")
    return found


def _key(data: Dataset, table: pd.DataFrame, path: Path) -> tuple[str, np.ndarray, pd.DataFrame]:
    """The column of a file that names rows, what it calls the (n,) rows of the data, and the table."""
    known: dict[str, np.ndarray] = {}
    if data.ids is not None:
        known[str(data.ids.name)] = _texts(data.ids)
    if (files := file_names(data)) is not None:
        known[FILE] = _texts(files)
    known[INDEX] = data.index.astype(str).astype(object)
    for name in known:
        if name in table:
            return name, known[name], table
    if len(table.columns) == 1:  # one name per line, and perhaps no heading
        wanted = _texts(table.iloc[:, 0]).tolist()
        best = max(known, key=lambda name: len(set(wanted).intersection(known[name].tolist())))
        heading = [str(table.columns[0])] if str(table.columns[0]) in set(known[best].tolist()) else []
        return best, known[best], pd.DataFrame({best: [*heading, *wanted]}, dtype=object)
    raise BadInput(f"trusted={str(path)!r} has no column that names rows: {', '.join(known)}")


def _stated(data: Dataset, table: pd.DataFrame, places: np.ndarray, path: Path) -> np.ndarray | None:
    """(n,) the labels that a file states for its rows, and the given ones elsewhere; None where it states none."""
    own = [record["labels"] for record in data.provenance if record.get("labels")]
    column = next((name for name in (*own, "label") if name in table), None)
    if column is None:
        return None
    stated = _texts(table[column])
    if DECISION in table:
        accepted = (stated == "") & (_texts(table[DECISION]) == "accept")
        if accepted.any():
            raise BadInput(
                f"trusted={str(path)!r} accepts suggestions without naming the label: apply it by `noisewise decide`, "
                "and train on the result with trusted='reviewed'"
            )
    labels, there = data.given.copy(), stated != ""
    labels[places[there]] = number_labels(f"trusted={str(path)!r}", stated[there], data.classes)
    return labels


def _labels_in(values: np.ndarray, classes: tuple[str, ...]) -> np.ndarray | None:
    """(n,) class numbers of values that are class names or empty (0 there); None where one is neither."""
    known = {name: number for number, name in enumerate(classes)}
    if not set(values) <= {*classes, ""}:
        return None
    return np.array([known.get(value, 0) for value in values], dtype=np.int64)


def _texts(column: pd.Series) -> np.ndarray:
    """(n,) cells as text without white space around it; missing ones are empty, whole numbers have no point."""
    if column.dtype.kind == "f":
        column = column.map(lambda value: "" if pd.isna(value) else f"{value:.0f}" if value == round(value) else value)
    held = column.astype(object).where(column.notna(), "").astype(str).str.strip()
    return held.to_numpy(dtype=object)
