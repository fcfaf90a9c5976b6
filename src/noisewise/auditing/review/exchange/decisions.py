"""Decisions from any tool as one table: `index`, `decision`, `label`, one line per reviewed row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from noisewise.auditing.review.exchange import fiftyone, label_studio
from noisewise.auditing.review.exchange.spreadsheet import decoded, read_csv
from noisewise.data.row_names import name_columns
from noisewise.doors import parsing
from noisewise.errors import BadInput, nearest

WORDS = ("accept", "keep", "relabel", "unsure", "remove")
COLUMNS = ("index", "decision", "label")
FILE, ID, REVIEWER, SUGGESTED = "file", "id", "reviewer", "suggested"
_WHOLE = re.compile(r"(-?\d{1,18})([.,]0{1,2})?")  # spreadsheets save 15 as 15.0 or 15,0; 1.000 may be a thousand


def read_decisions(path: str | Path, issues: pd.DataFrame) -> pd.DataFrame:
    """Read a file of decisions; its format is recognised from the content, not from the name.

    A CSV has the columns `index` (or `file`, or the rows' identifiers), `decision`, and `label` where a decision is
    `relabel`; lines with neither decision nor label were not reviewed. A JSON list is an export of Label Studio; a JSON
    object with `labels` or `samples` comes from FiftyOne. Where a tool exports labels instead of decisions, the given
    label means `keep`, the suggested one `accept`, any other `relabel`.

    Args:
        path: of the file.
        issues: the audit's table of all rows, with `index`, `given` and `suggested`.

    Returns:
        The decisions as text, in the order of the review, with class names exactly as written.

    Raises:
        BadInput: the file cannot be read, or has none of these formats.
    """
    text = decoded(path)
    if text.lstrip()[:1] not in ("[", "{"):
        read = {*COLUMNS, *map(str.lower, _keys(issues)), ID, REVIEWER, SUGGESTED}
        frame = named(read_csv(text, path, read), issues)
        if len(twice := frame.columns[frame.columns.duplicated() & frame.columns.isin(read)]):
            raise BadInput(f"{path} has the column {twice[0]!r} twice")
        if "decision" not in frame:
            return frame
        filled = [frame[column].str.strip() != "" for column in ("decision", "label") if column in frame]
        return frame[np.logical_or.reduce(filled)].reset_index(drop=True)
    with parsing(f"the decisions in {path}: it is not JSON of text"):
        content = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode("utf-8")  # an escape may be half a character, which is no text
    if isinstance(content, list):
        return from_labels(label_studio.labels(content), issues)
    if "labels" in content:
        return from_labels(fiftyone.labels(content), issues)
    if "samples" in content:
        labelled = from_labels(fiftyone.sample_labels(content, issues), issues)
        left = pd.DataFrame(fiftyone.left_open(content), columns=list(COLUMNS), dtype=object)
        return pd.concat([labelled, left], ignore_index=True)
    raise BadInput(
        f"the JSON in {path} has no decisions: neither a list of Label Studio tasks nor 'labels' or 'samples' of "
        "FiftyOne"
    )


def from_labels(labels: Iterable[tuple[int, str]], issues: pd.DataFrame) -> pd.DataFrame:
    """Decisions from (index, label) pairs: each label is compared with the given and the suggested one."""
    known = dict(zip(issues["index"], zip(issues["given"], issues["suggested"], strict=True), strict=True))
    lines = []
    for index, label in labels:
        given, suggested = known.get(index, (None, None))
        word = "keep" if label == given else "accept" if label == suggested else "relabel"
        lines.append((index, word, label))
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def named(frame: pd.DataFrame, issues: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns that matter under their own names, whatever their case and the spaces around them."""
    keys = _keys(issues)
    own = next((key for key in keys if key != FILE), ID)  # a column `id` may stand for the rows' own identifiers
    wanted = {name.lower(): name for name in (*COLUMNS, REVIEWER, SUGGESTED, *keys)}
    found: dict[object, str] = {}
    for column in frame.columns:
        name = wanted.get(str(column).strip().lower())
        if name is not None and (name not in found.values() or column == name):
            found = {other: taken for other, taken in found.items() if taken != name} | {column: name}
    ids = [column for column in frame.columns if str(column).strip().lower() == ID and column not in found]
    if ids and own in keys and own not in found.values():
        found[ids[0]] = own
    return frame.rename(columns=found)


def checked(frame: pd.DataFrame, issues: pd.DataFrame, unlabelled: pd.DataFrame | None = None) -> pd.DataFrame:
    """The decisions as numbers and text, each row once.

    A row is found by its `index`, or without one by `file` or its identifier. Where a line has both they must agree.
    Without an audit, an `accept` that names no label takes the one in the column `suggested`.

    Args:
        frame: `index`, `decision` and `label`; or another key of the rows in place of the index. Without `relabel`, the
            column `label` is not needed.
        issues: the audit's table of all rows.
        unlabelled: `index` and other keys of the rows without a label; None if there are none.

    Raises:
        BadInput: a missing column, a row that cannot be found, an unknown or contradictory decision.
    """
    known = named(frame, issues)
    keys = [key for key in _keys(issues) if key in known]
    known = known.astype(object)
    known = known.where(known.notna(), "").astype(str)
    if "decision" in known:
        known["decision"] = known["decision"].str.strip().str.lower()
    _check_columns(known, keys, frame.columns)
    known["index"] = _found(known, keys, issues, unlabelled)
    known["label"] = known.get("label", "")
    if SUGGESTED in known and (issues["suggested"] == "").all():
        known["label"] = _accepted(known)
    known = known[list(COLUMNS)].drop_duplicates(ignore_index=True)
    for index, word in zip(known["index"], known["decision"], strict=True):
        if word not in WORDS:
            hint = nearest(word, WORDS)
            raise BadInput(
                f"decisions: {word!r} must be one of {', '.join(WORDS)}{hint}, on the row with index {index}"
            )
    again = known["index"][known["index"].duplicated()]
    if len(again):
        both = " and ".join(known["decision"][known["index"] == again.iloc[0]])
        raise BadInput(f"decisions contradict each other on the row with index {again.iloc[0]}: {both}")
    return known


def _check_columns(known: pd.DataFrame, keys: Sequence[str], columns: Iterable[object]) -> None:
    relabels = "decision" not in known or (known["decision"] == "relabel").any()
    needed = {"index": not keys, "decision": True, "label": relabels}
    missing = [column for column in COLUMNS if needed[column] and column not in known]
    if missing:
        found = ", ".join(map(str, columns)) or "none"
        wanted = ", ".join(column for column in COLUMNS if needed[column])
        hint = (
            "; a column of identifiers counts if --id names it when the data are audited" if "index" in missing else ""
        )
        raise BadInput(f"decisions need the columns {wanted}, but have {found}; missing: {', '.join(missing)}{hint}")


def _accepted(known: pd.DataFrame) -> pd.Series:
    """The labels, with those that were suggested in place of empty ones that were accepted."""
    accepted = (known["decision"] == "accept") & (known[SUGGESTED].str.strip() != "")
    empty = known["label"].str.strip() == ""
    other = accepted & ~empty & (known["label"].str.strip() != known[SUGGESTED].str.strip())
    if other.any():
        index, label, suggested = known.loc[other, ["index", "label", SUGGESTED]].iloc[0]
        raise BadInput(
            f"decisions accept {label!r} for the row with index {index}, but their column {SUGGESTED} has {suggested!r}"
        )
    return known["label"].where(~(accepted & empty), known[SUGGESTED])


def _keys(issues: pd.DataFrame) -> list[str]:
    """The columns of an audit's table of rows that name a row beside its index: identifiers and `file`."""
    return name_columns(issues, "given")[1:] if {"index", "given"} <= set(issues) else []


def _found(
    known: pd.DataFrame, keys: Sequence[str], issues: pd.DataFrame, unlabelled: pd.DataFrame | None
) -> np.ndarray:
    """(m,) int64, the index of each line's row."""
    stated = [_whole(text) if text.strip() else None for text in known.get("index", pd.Series("", index=known.index))]
    for key in keys:
        names = [_plain(key, text) for text in issues[key].astype(str)]
        place = dict(zip(names, issues["index"].tolist(), strict=True))
        alike = {name for name, number in Counter(names).items() if number > 1}
        name_of = dict(zip(issues["index"].tolist(), names, strict=True))
        bare = [] if unlabelled is None or key not in unlabelled else unlabelled[key].astype(str).tolist()
        without = {_plain(key, text) for text in bare}
        for at, text in enumerate(known[key]):
            name, index = _plain(key, text), stated[at]
            if name == "":
                continue
            if index is None:
                if name in without and name not in place:
                    raise BadInput(_no_label(f"{key} {name!r}"))
                if name not in place or name in alike:
                    why = "several rows have" if name in alike else "no row of this audit has"
                    hint = "; give the index" if name in alike else ""  # a similar name is that of another row
                    raise BadInput(f"decisions: {why} the {key} {text!r}{hint}")
                stated[at] = place[name]
            elif index in name_of and not _same(name, name_of[index]):
                raise BadInput(
                    f"decisions: the row with index {index} has the {key} {name_of[index]!r} in this audit, not "
                    f"{text!r}: they belong to another audit"
                )
    nameless = [at for at, index in enumerate(stated) if index is None]
    if nameless:
        raise BadInput(f"decisions: line {nameless[0] + 1} does not say which row it is about")
    if unlabelled is not None:
        labelled, without_label = set(issues["index"].tolist()), set(unlabelled["index"].tolist())
        for index in stated:
            if index in without_label and index not in labelled:
                raise BadInput(_no_label(f"index {index}"))
    return np.array(stated, dtype=np.int64)


def _no_label(name: str) -> str:
    return (
        f"decisions: the row with the {name} has no label, and decide judges only rows that have one; to give it a "
        "label, fill it in in the source"
    )


def _whole(text: str) -> int:
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"decisions: index {text!r} must be a whole number")
    return int(found.group(1))


def _plain(key: str, text: str) -> str:
    text = text.strip()
    return text.replace("\\", "/").removeprefix("./") if key == FILE else text


def _same(one: str, other: str) -> bool:
    """Whether two identifiers are the same although a spreadsheet may have read one as a number."""
    try:
        return one == other or float(one.replace(",", ".")) == float(other)
    except ValueError:
        return False
