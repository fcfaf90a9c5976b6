"""Tables with one column of labels, from files and from frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.data.columns.choice import chosen
from noisewise.data.columns.column import ROLES, Column
from noisewise.data.columns.encoding import Encoding
from noisewise.data.columns.recognise import recognise
from noisewise.data.columns.tidy import tidy, with_index, without
from noisewise.data.dataset import UNLABELLED, Dataset, Inputs, Kind, select
from noisewise.data.features import encode_features
from noisewise.data.images.columns import IMAGE, picture_rows, pictures_from_elsewhere, saved_pictures
from noisewise.data.images.files import resized
from noisewise.data.readers import frames
from noisewise.data.readers.labels import (
    LABELS,
    clean_labels,
    encode,
    label_column,
    like_missing,
    number_labels,
    similar_classes,
)
from noisewise.data.readers.npy import read_npy
from noisewise.data.readers.saved import ROLES_IN_FILE
from noisewise.data.readers.trusted import set_aside
from noisewise.data.reading import DEFAULT, Reading
from noisewise.data.texts import Texts, text_column
from noisewise.errors import BadInput, nearest

TRUTH = "truth"
_PICTURES = ("size", "skip_broken")
_PICTURES_FOUND = "find pictures"  # a step of the provenance
_READ = ("labels", "text", "columns", "ignore", "id", "na", "trusted")
_REMEMBERED = ("text", "columns", "ignore", "na")  # which a saved table is read by again


def read_table(path: str | Path, reading: Reading = DEFAULT) -> Dataset:
    """Read a file of one of `frames.SUFFIXES`: delimited text, JSON, Parquet, a workbook, or labelled lines of text.

    A column called `truth` holds the correct labels and is never a feature. `encode_features` documents which columns
    are features and how they are encoded; `columns` of the data set records it. All columns except labels and truth are
    kept in `described`.

    Args:
        path: the file.
        reading: how. `labels` is required unless exactly one column is called label, labels, target, class or y.
            Without `text` and `columns`, every column that can be learned from is an input.

    Raises:
        BadInput: the file cannot be read or is empty, labels are not found, missing in a row or all the same, or no
            column can be learned from.
    """
    path = Path(path)

    def written(name: str) -> bool:
        usual = reading.labels is None and name.lower() in LABELS
        return usual or name in (reading.labels, reading.id, TRUTH)

    frame, head, notes = frames.read_frame(path, reading, written)
    if frame.empty:
        raise BadInput(f"{path} has no rows or no columns")
    if head:
        data = _read_saved(frame, head, path, reading)
        return data if reading.size is None else resized(data, reading.size, str(path))
    further = _further(frame, path, reading)
    if further is None:
        return from_frame(frame, str(path), path.name, reading, notes, path.parent)
    # one encoding for both: as two tables, equal cells would become different numbers
    both = pd.concat([frame, further], ignore_index=True)
    data = from_frame(both, str(path), path.name, reading, notes, path.parent)
    aside = set_aside(data, data.index >= len(frame), None, f"of {Path(str(reading.trusted)).name}")
    return replace(aside, provenance=(*aside.provenance[:-1], {**aside.provenance[-1], "further": reading.trusted}))


def further_rows(
    source: Path | pd.DataFrame, reading: Reading, names: Collection[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The columns of a table whose labels are not needed, and notes on how it was read.

    Args:
        source: a file, or a frame.
        reading: how; `id` and `na` are used.
        names: of columns of labels and ids, which are kept as they are written.

    Raises:
        BadInput: the file cannot be read or is empty.
    """
    where = "the table" if isinstance(source, pd.DataFrame) else str(source)
    if isinstance(source, pd.DataFrame):
        frame, notes = source, list[str]()
    else:
        frame, _, notes = frames.read_frame(source, reading, lambda name: name in names)
    if frame.empty:
        raise BadInput(f"{where} has no rows or no columns")
    frame, renamed = tidy(with_index(frame)[0])
    return without(frame, reading.na), [*notes, *renamed]


def read_naming(path: Path) -> pd.DataFrame:
    """A file that names rows: a table, lines of text under the heading "", or an `.npy` file of indices.

    Raises:
        BadInput: the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return pd.DataFrame({"": read_npy(path).reshape(-1)})
    if suffix == ".txt":
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"cannot read {path} as text: {error}") from error
        return pd.DataFrame({"": [line.strip() for line in lines if line.strip()]}, dtype=object)
    return with_index(frames.read_frame(path, DEFAULT, lambda name: True)[0])[0]


def _further(frame: pd.DataFrame, path: Path, reading: Reading) -> pd.DataFrame | None:
    """The further rows of a table that `trusted` states; None where it states something else.

    Raises:
        BadInput: the file has the inputs of the table, but lacks another column.
    """
    if reading.trusted is None or reading.trusted in frame:
        return None
    other = Path(reading.trusted).expanduser()
    if frames.table_suffix(other) in (None, ".txt") or not other.is_file():
        return None
    label = label_column(frame, str(path), reading.labels)
    found = frames.read_frame(other, reading, lambda name: name in (label, reading.id, TRUTH))[0]
    inputs = [name for name in frame.columns if name not in (label, TRUTH, reading.id)]
    missing = [name for name in (*inputs, label) if name not in found]
    if len(missing) > len(inputs) / 2:
        return None
    if missing:
        raise BadInput(f"trusted={reading.trusted!r} has no column {missing[0]!r}, which {path} has")
    return found[[name for name in frame.columns if name in found]]


def from_frame(
    frame: pd.DataFrame,
    where: str,
    name: str,
    reading: Reading = DEFAULT,
    notes: Sequence[str] = (),
    folder: Path | None = None,
) -> Dataset:
    """Make a data set from a frame of n rows; see `read_table`.

    An index that names the rows is a column too, and gives the `ids` unless another column does. A column of pictures
    is the only input; see `picture_column`.

    Args:
        frame: n rows.
        where: its origin, for error messages.
        name: of the data set.
        reading: how.
        notes: what is known already about how the frame was read.
        folder: in which paths of pictures are looked for first.
    """
    reading.refuse(where, but=(*_READ, *_PICTURES))
    if reading.labels is not None and list(map(str, frame.columns)).count(reading.labels) > 1:
        raise BadInput(f"{where} has several columns called {reading.labels!r}")
    frame, indexed = with_index(frame)
    frame, renamed = tidy(frame)
    frame = without(frame, reading.na)
    column = label_column(frame, where, reading.labels, indexed)
    roles = [column] + [TRUTH] * (TRUTH in frame and column != TRUTH)
    given, *rest = (clean_labels(f"column {role!r} of {where}", frame[role]) for role in roles)
    known = _labelled(f"column {column!r} of {where}", given, reading)
    if rest and (gaps := int(pd.isna(rest[0][known]).sum())):
        raise BadInput(f"column {TRUTH!r} of {where} is empty in {gaps} rows, but must hold all correct labels or none")
    encoded, classes = encode(f"column {column!r} of {where}", *(values[known] for values in (given, *rest)))
    described = frame.drop(columns=roles)
    ids = _ids(described, where, reading, indexed)
    if ids is not None and (again := int(ids.duplicated(keep=False).sum())):
        renamed.append(f"{again:,} rows share what the column {str(ids.name)!r} calls them")
    left_out = chosen(list(described.columns), where, reading, roles, None if ids is None else str(ids.name))
    if reading.trusted is not None and reading.trusted in described:
        left_out[reading.trusted] = "says which rows are trusted"
    codes = [np.full(len(frame), UNLABELLED) for _ in encoded]
    for every, some in zip(codes, encoded, strict=True):
        every[known] = some
    said = [*notes, *renamed, *similar_classes(classes), *like_missing(classes)]
    record: dict[str, Any] = {"step": "load", "source": name, "labels": column}
    inputs: Inputs
    kind: Kind
    if (rows := picture_rows(described, left_out, where, folder, reading)) is None:
        reading.refuse(where, but=_READ)
        inputs, columns, words = _inputs(described, where, reading, left_out)
        kept, kind = np.arange(len(frame)), "table" if words is None else "text"
    else:
        columns, kind = _beside_pictures(described, rows.column, left_out), "image"
        inputs, kept, described = rows.inputs, rows.kept, rows.described
        codes, known = [every[kept] for every in codes], known[kept]
        said += rows.record.pop("notes", [])
        record |= rows.record
    if not known.all():
        said.append(unlabelled_rows(int((~known).sum())))
    if ids is not None:
        ids = ids.iloc[kept].reset_index(drop=True)
        ids = ids if str(ids.name) in described else ids.rename("id")
    data = Dataset(
        inputs,
        np.full(len(kept), UNLABELLED),
        classes,
        kind,
        index=kept,
        name=name,
        described=described,
        columns=(*columns, *_roles(roles)),
        ids=ids,
        encoding=Encoding(described, columns) if kind == "table" else None,
    )
    if said:
        record["notes"] = said
    stated = {name: value for name, value in reading.stated().items() if name in _REMEMBERED}
    if reading.trusted in described:
        stated["ignore"] = [*reading.ignore, reading.trusted]
    if stated:
        record["reading"] = stated
    return replace(
        data if known.all() else data.take(known),
        given=codes[0][known],
        truth=codes[1][known] if len(codes) > 1 else None,
        unlabelled=None if known.all() else data.take(~known),
        provenance=(record,),
    )


def unlabelled_rows(count: int) -> str:
    """The note on rows without a label."""
    return f"{count:,} rows have no label, and are not learned from"


def _labelled(where: str, given: np.ndarray, reading: Reading) -> np.ndarray:
    """(n,) whether a row has a label.

    Raises:
        BadInput: one has none, and `na` does not say what a missing label is.
    """
    known = ~pd.isna(given)
    if not known.all() and not reading.na:
        raise BadInput(
            f"{where} has {int((~known).sum())} missing label(s) in {len(known)} rows: fill them in, remove the rows, "
            "or keep these as unlabelled rows by --na '' (na='' in Python); a text that means a missing value is "
            "named by --na TEXT, which may be given several times"
        )
    return np.asarray(known)


def _ids(described: pd.DataFrame, where: str, reading: Reading, indexed: list[str]) -> pd.Series | None:
    if reading.id is not None:
        if reading.id not in described:
            names = list(described.columns)
            raise BadInput(f"{where} has no column id={reading.id!r}{nearest(reading.id, names) or ''} besides labels")
        return described[reading.id]
    if len(indexed) == 1 and indexed[0] in described and described[indexed[0]].is_unique:
        return described[indexed[0]]
    return None


def _roles(names: list[str]) -> list[Column]:
    return [Column(name, "category", False, ROLES[name == TRUTH]) for name in names]


def _inputs(
    described: pd.DataFrame, where: str, reading: Reading, left_out: Mapping[str, str]
) -> tuple[Inputs, tuple[Column, ...], str | None]:
    """The inputs, what became of each column, and the column of texts if it is the only input."""
    kept = described.drop(columns=list(left_out))
    words = text_column(kept, where, reading.text)
    if words is None:
        inputs, found = encode_features(kept, where, asked=bool(reading.columns))
        used = [column for column in found if column.used]
        if len(used) > 1 or used[0].kind != "text":
            return inputs, _in_order(described, found, left_out), None
        words = used[0].name
    else:
        rest = {name: f"only {words} is used" for name in kept.columns if name != words}
        found, left_out = (Column(words, "text", True),), {**rest, **left_out}
    return Texts(described[words].tolist(), words), _in_order(described, found, left_out), words


def _beside_pictures(described: pd.DataFrame, column: str, left_out: Mapping[str, str]) -> tuple[Column, ...]:
    """What became of each column where pictures are the only input."""
    rest = {name: f"only the images of {column} are used" for name in described.columns if name != column}
    return _in_order(described, [Column(column, "image", True)], {**rest, **left_out})


def _in_order(described: pd.DataFrame, found: Sequence[Column], left_out: Mapping[str, str]) -> tuple[Column, ...]:
    by_name = {column.name: column for column in found}
    return tuple(
        by_name.get(name) or Column(name, recognise(described[name], name).kind, False, left_out[name])
        for name in described.columns
    )


def _check_saved(head: Mapping[str, Any], path: Path, reading: Reading) -> None:
    """Refuse what cannot be changed in a file that `save` wrote: labels, ids and texts are as they were.

    Raises:
        BadInput: something else is stated.
    """
    held = {name: head.get(key) for name, key in (("labels", "labels"), ("text", "text"), ("id", "ids"))}
    stated = reading.stated()
    for name, value in held.items():
        if name in stated and stated[name] != value:
            raise BadInput(f"{name}={stated[name]!r}: noisewise wrote {path} with {name}={value!r}, which stays")
    free = ("columns", "ignore") if head["kind"] == "table" else ()
    reading.refuse(f"files that noisewise wrote, such as {path}", but=("size", "trusted", *held, *free))


def _read_saved(frame: pd.DataFrame, head: Mapping[str, Any], path: Path, reading: Reading) -> Dataset:
    _check_saved(head, path, reading)
    roles = {**ROLES_IN_FILE, **head.get("roles", {})}
    added = [roles["index"], roles["split"], *([roles["ids"]] if head.get("ids") else [])]
    added += [roles["weights"]] if head.get("weighted") else []
    described = frame.drop(columns=[head["labels"], TRUTH, *added], errors="ignore")
    inputs: Inputs
    columns: tuple[Column, ...] = ()
    encoding = None
    if head["kind"] == "text":
        inputs = Texts(described[head["text"]].tolist(), head["text"])
    elif head["kind"] == "image":
        inputs = saved_pictures(described, head, path)
        described = described.drop(columns=IMAGE, errors="ignore")
    else:
        inputs, columns = _encoded_again(described, head, path, reading)
        encoding = Encoding(tidy(described)[0], columns)
        columns += tuple(_roles([head["labels"], *([TRUTH] if TRUTH in frame else [])]))
    names = frame[roles["split"]] if roles["split"] in frame else pd.Series("", index=frame.index)
    parts = {
        name: _part(name, np.flatnonzero(names == name), frame, inputs, described, columns, head, roles, path)
        for name in names.unique().tolist()
    }
    main = parts.pop("")
    note = pictures_from_elsewhere(inputs, path)
    earlier = tuple(record for record in main.provenance if record.get("step") != _PICTURES_FOUND)
    provenance = (*earlier, {"step": _PICTURES_FOUND, "notes": [note]}) if note else earlier
    return Dataset(**{**vars(main), **parts, "provenance": provenance, "encoding": encoding})


def _encoded_again(
    described: pd.DataFrame, head: Mapping[str, Any], path: Path, reading: Reading
) -> tuple[np.ndarray, tuple[Column, ...]]:
    """The features and columns of a saved table, of which the same columns are left out as before, and those asked."""
    stated: dict[str, Any] = next((one["reading"] for one in head["provenance"][""] if "reading" in one), {})
    ignored = {name for name in (*stated.get("ignore", ()), *reading.ignore) if name not in reading.columns}
    wanted = reading.columns or tuple(name for name in stated.get("columns", ()) if name not in ignored)
    how, frame = Reading(columns=wanted, ignore=tuple(sorted(ignored))), tidy(described)[0]
    left_out = chosen(list(frame.columns), str(path), how, [head["labels"]], head.get("ids"))
    found, columns = encode_features(frame.drop(columns=list(left_out)), str(path), asked=bool(how.columns))
    return found, _in_order(frame, columns, left_out)


def _part(
    name: str,
    rows: np.ndarray,
    frame: pd.DataFrame,
    inputs: Inputs,
    described: pd.DataFrame,
    columns: tuple[Column, ...],
    head: Mapping[str, Any],
    roles: Mapping[str, str],
    path: Path,
) -> Dataset:
    classes, part = tuple(head["classes"]), frame.iloc[rows]
    truth = part[TRUTH] if TRUTH in part and bool(part[TRUTH].notna().all()) else None
    if name == "unlabelled":
        given = np.full(len(rows), UNLABELLED)
    else:
        given = number_labels(str(path), part[head["labels"]].to_numpy(), classes)
    return Dataset(
        select(inputs, rows),
        given,
        classes,
        head["kind"],
        index=part[roles["index"]].to_numpy() if roles["index"] in part else np.arange(len(rows)),
        truth=None if truth is None else number_labels(str(path), truth.to_numpy(), classes),
        name=head["names"][name],
        provenance=tuple(head["provenance"][name]),
        described=described.iloc[rows].reset_index(drop=True),
        columns=columns,
        weights=part[roles["weights"]].to_numpy() if head.get("weighted") and name == "" else None,
        ids=part[roles["ids"]].rename(head["ids"]) if head.get("ids") else None,
    )
