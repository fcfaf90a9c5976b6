"""Decided labels in a table as it was: the same format, columns and dialect, other labels, without removed rows."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from noisewise.auditing.review.giving.changes import Changes
from noisewise.data.readers.delimited import SPACES, layout_of
from noisewise.data.readers.frames import LINE, decoded, table_suffix
from noisewise.data.reviews.kept import beside, in_schema, written_beside
from noisewise.errors import BadInput
from noisewise.files import read_cell, safe_cell, whole

_PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
_ALIKE = {".ndjson": ".jsonl"}


def write_table(source: Path, changed: Changes, column: str, out: Path) -> dict[str, Any]:
    """Write the table again with the decided labels, without the removed rows.

    Lines of text that do not change are the same bytes. Cells that a spreadsheet would run get an apostrophe in front
    in CSV. A class is written as the source writes it, and has the type that it has there.

    Args:
        source: the table that was audited.
        changed: what was decided; the index is the number of the row in the table.
        column: of the labels.
        out: the file to write, of the same format (see `same_format`).

    Returns:
        `rows` written; `neutralised`, the number of lines whose formulas became text; and `reviews`, the file that
        holds what was reviewed: Parquet itself, or a file beside the table.

    Raises:
        BadInput: the file has changed since the audit, or cannot be read or written.
    """
    try:
        found = WRITERS[table_format(source)](source, changed, column, out)
        reviewed = changed.reviews()
        if table_format(source) != ".parquet" and reviewed:
            with whole(beside(out)) as temporary:
                temporary.write_text(written_beside(out, reviewed, out.read_bytes()), encoding="utf-8")
        return found | ({"reviews": out if table_format(source) == ".parquet" else beside(out)} if reviewed else {})
    except (OSError, UnicodeError, csv.Error, json.JSONDecodeError, pa.ArrowException) as error:
        raise BadInput(f"cannot write {source} with the decided labels: {error}") from error


def table_format(path: Path) -> str:
    """The format that a path names, such as ".csv", also where it is compressed; "" for others."""
    suffix = table_suffix(path) or ""
    return _ALIKE.get(suffix, suffix) if suffix in WRITERS else ""


def _text(source: Path, changed: Changes, column: str, out: Path) -> dict[str, Any]:
    text, codec, mark = decoded(source, table_format(source))
    write = _labelled_lines if text.lstrip().startswith(LINE) else _delimited
    head, rows, neutralised = write(text, source, changed, column)
    _put(mark + "".join([*head, *rows]).encode(codec), out)
    return {"rows": len(rows), "neutralised": neutralised}


def _put(content: bytes, out: Path) -> None:
    with whole(out) as temporary:
        temporary.write_bytes(_PACK.get(out.suffix.lower(), bytes)(content))


def _delimited(text: str, source: Path, changed: Changes, column: str) -> tuple[list[str], list[str], int]:
    layout = layout_of(text, "\t" if table_format(source) == ".tsv" else None)
    at = _place([read_cell(name) for name in layout.names], column, source)
    lines = io.StringIO(text, newline="").readlines()
    records = list(_records(lines[layout.skipped :], layout.separator))
    written = []
    spelling: dict[str, str] = {}
    for index, (cells, _) in enumerate(records[1:]):
        if index in changed.given:
            cell = cells[at] if at < len(cells) else ""
            _check(source, index, read_cell(cell.strip()), changed.given[index])
            spelling.setdefault(changed.given[index], cell)
    neutralised = 0
    for index, (cells, raw) in enumerate(records, -1):
        if index in changed.removed:
            continue
        unsafe = any(safe_cell(cell) != cell and not cell.startswith("'") for cell in cells)
        neutralised += unsafe
        if index in changed.label:
            label = changed.label[index]
            cells = [*cells[:at], spelling.get(label, label), *cells[at + 1 :]]
        written.append(_line(cells, layout.separator, raw) if unsafe or index in changed.label else raw)
    return [*lines[: layout.skipped], written[0]], written[1:], neutralised


def _line(cells: list[str], separator: str, raw: str) -> str:
    """A record as text, with the end of line of the former one; formulas become text."""
    end = raw[len(raw.rstrip("\r\n")) :]
    safe = [cell if cell.startswith("'") else safe_cell(cell) for cell in cells]
    if separator == SPACES:  # nothing can be quoted there
        gaps = re.split(r"[^\s]+", raw.rstrip("\r\n"))
        return "".join(gap + cell for gap, cell in zip(gaps, safe, strict=False)) + gaps[-1] + end
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="").writerow(safe)
    return buffer.getvalue() + end


def _records(lines: list[str], separator: str) -> Iterator[tuple[list[str], str]]:
    """The records of delimited text: cells, and the text that they were; empty lines belong to no record."""
    if separator == SPACES:
        yield from ((line.split(), line) for line in lines if line.strip())
        return
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    start = 0
    for cells in reader:
        raw = "".join(lines[start : reader.line_num])
        start = reader.line_num
        if raw.strip():
            yield cells, raw


def _json_lines(source: Path, changed: Changes, column: str, out: Path) -> dict[str, Any]:
    text, codec, mark = decoded(source, ".jsonl")
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    objects = [json.loads(line) for line in lines]
    spelling = _spelling(source, [one.get(column) for one in objects], changed)
    written = []
    for index, (one, line) in enumerate(zip(objects, lines, strict=True)):
        if index in changed.label:
            one[column] = spelling(changed.label[index])
            line = json.dumps(one, ensure_ascii=False) + line[len(line.rstrip("\r\n")) :]
        written.append("" if index in changed.removed else line)
    _put(mark + "".join(written).encode(codec), out)
    return {"rows": len(lines) - len(changed.removed), "neutralised": 0}


def _json(source: Path, changed: Changes, column: str, out: Path) -> dict[str, Any]:
    text, codec, mark = decoded(source, ".json")
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return _json_lines(source, changed, column, out)
    places = [content] if isinstance(content, list) else [one for one in content.values() if isinstance(one, list)]
    rows = places[0] if len(places) == 1 else []
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{source} is no list of objects: give a name that ends in .parquet, .npz or .csv")
    spelling = _spelling(source, [row.get(column) for row in rows], changed)
    for index, label in changed.label.items():
        rows[index][column] = spelling(label)
    rows[:] = [row for index, row in enumerate(rows) if index not in changed.removed]
    indent = 2 if "\n" in text.strip() else None
    _put(mark + (json.dumps(content, ensure_ascii=False, indent=indent) + "\n").encode(codec), out)
    return {"rows": len(rows), "neutralised": 0}


def _workbook(source: Path, changed: Changes, column: str, out: Path) -> dict[str, Any]:
    try:
        from openpyxl import load_workbook
    except ImportError as error:
        raise BadInput(f"writing {out} needs the extra excel: pip install noisewise[excel]") from error
    book = load_workbook(source)
    sheet = next(sheet for sheet in book.worksheets if sheet.max_row > 1)
    head, *rows = sheet.iter_rows()
    at = _place([str(cell.value).strip() for cell in head], column, source)
    spelling = _spelling(source, [row[at].value for row in rows], changed)
    for index, label in changed.label.items():
        rows[index][at].value = spelling(label)
    for index in sorted(changed.removed, reverse=True):
        sheet.delete_rows(index + 2)
    with whole(out) as temporary:
        book.save(temporary)
    return {"rows": len(rows) - len(changed.removed), "neutralised": 0}


def _parquet(source: Path, changed: Changes, column: str, out: Path) -> dict[str, Any]:
    table = parquet.read_table(source)
    at = _place(table.schema.names, column, source)
    values = table.column(at).to_pylist()
    spelling = _spelling(source, values, changed)
    for index, label in changed.label.items():
        values[index] = spelling(label)
    field = table.schema.field(at)
    table = table.set_column(at, field, pa.chunked_array([pa.array(values, type=field.type)]))
    kept = [index for index in range(len(values)) if index not in changed.removed]
    table = table.take(pa.array(kept)) if changed.removed else table
    table = in_schema(table, changed.reviews())
    with whole(out) as temporary:
        parquet.write_table(table, temporary)
    return {"rows": len(kept), "neutralised": 0}


def _labelled_lines(text: str, source: Path, changed: Changes, column: str) -> tuple[list[str], list[str], int]:
    written = []
    for index, line in enumerate(line for line in text.splitlines(keepends=True) if line.strip()):
        name, gap, rest = line.strip().removeprefix(LINE).partition(" ")
        if index in changed.given:
            _check(source, index, name, changed.given[index])
        label = changed.label.get(index, name)
        if len(label.split()) != 1:
            raise BadInput(f"the class {label!r} cannot be written in a file of lines {LINE}NAME: it has spaces")
        if index not in changed.removed:
            end = line[len(line.rstrip("\r\n")) :]
            written.append(line if label == name else f"{LINE}{label}{gap}{rest}{end}")
    return [], written, 0


def _spelling(source: Path, values: list[Any], changed: Changes) -> Callable[[str], Any]:
    """How the source writes a class; one that it does not have takes the type of the others where that is possible."""
    known: dict[str, Any] = {}
    for index, name in changed.given.items():
        _check(source, index, values[index] if index < len(values) else None, name)
        known.setdefault(name, values[index])
    kinds = {type(value) for value in known.values()}

    def spelled(name: str) -> Any:
        if name in known:
            return known[name]
        try:
            return kinds.pop()(name) if len(kinds) == 1 and kinds <= {int, float} else name
        except ValueError:
            return name

    return spelled


def _check(source: Path, index: int, found: Any, given: str) -> None:
    text = "" if found is None else str(found).strip()
    try:
        same = text == given.strip() or float(text.replace(",", ".")) == float(given)
    except ValueError:
        same = False
    if not same and {text.lower(), given.lower()} not in ({"true", "1"}, {"false", "0"}):
        raise BadInput(
            f"{source} has changed since the audit: the row with index {index} has the label {text!r}, not {given!r}"
        )


def _place(names: list[str], column: str, source: Path) -> int:
    if column not in names:
        raise BadInput(f"{source} has changed since the audit: it has no column {column!r}")
    return names.index(column)


WRITERS = {
    ".csv": _text,
    ".tsv": _text,
    ".txt": _text,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
    ".xlsx": _workbook,
}
