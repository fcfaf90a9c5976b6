"""Giving back: the decided labels as a folder, a list of moves, a table as it was, or a data set of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from noisewise.auditing.review.folder import read_issues
from noisewise.auditing.review.giving.changes import changes
from noisewise.auditing.review.giving.folders import write_folder, write_moves
from noisewise.auditing.review.giving.tables import table_format, write_table
from noisewise.data.dataset import Dataset
from noisewise.data.reviews.kept import ROWS
from noisewise.data.row_names import FILE
from noisewise.data.save import check_suffix, save
from noisewise.errors import BadInput
from noisewise.files import recover
from noisewise.formatting import count

UNAUDITED = "what was reviewed is not kept, since that needs the audit: give its folder in place of the data"
FORGETS = "it does not hold what was reviewed; write an .npz or .parquet file too where a later audit should know it"


def give_back(
    before: Dataset,
    decided: Dataset,
    out: str | Path,
    *,
    audit: str | Path | None = None,
    source: str | Path | None = None,
    copies: bool = False,
) -> dict[str, Any]:
    """Write the decided data in the form in which they came, as far as the name of `out` says so.

    A name without a suffix is a folder of images per class; `.csv` for such a folder is a list of moves; the suffix of
    the audited table is this table with its own columns, types and dialect. Everything else is `noisewise.save`.

    Args:
        before: the audited data with their given labels.
        decided: the same after the review.
        out: the folder or file to write.
        audit: the folder of the audit, which says where the data came from and how each file is called.
        source: where the audited folder or table is now; by default where it was audited.
        copies: copy images; otherwise the new folder holds links to them.

    Returns:
        `out`, `form` ("folder", "moves", "table" or "data set"), counts, and `note` where something is lost.

    Raises:
        BadInput: the form does not fit the data, or something cannot be read or written.
    """
    out = Path(out)
    check_out(before, out, audit=audit, source=source)
    changed, plan = changes(before, decided), _plan(audit)
    origin = _origin(source, plan, audit)
    files = {} if origin is None or not origin.is_dir() else _files(before, audit)
    if origin is not None and files and (out.suffix == "" or out.is_dir()):
        written = write_folder(origin, changed, files, out, copies=copies)
        return {"out": out, "form": "folder", "source": origin, **written, **_note(written, decided)}
    if files and origin is not None and out.suffix.lower() == ".csv":
        return {
            "out": out,
            "form": "moves",
            "source": origin,
            **write_moves(origin, changed, files, out),
            **_note({}, decided),
        }
    if origin is not None and _own_format(out, origin, plan):
        written = write_table(origin, changed, _column(before), out)
        return {"out": out, "form": "table", "source": origin, **written, **_note(written, decided)}
    save(decided, out)
    held = {} if out.suffix == ".csv" else {"reviews": out}
    forgets = _note(held if _known(decided) else {}, decided)
    return {"out": out, "form": "data set", **forgets}


def _note(written: Mapping[str, Any], decided: Dataset) -> dict[str, str]:
    return {} if "reviews" in written else {"note": FORGETS if _known(decided) else UNAUDITED}


def _known(decided: Dataset) -> bool:
    """Whether the data remember what was reviewed."""
    return any(ROWS in step for step in decided.provenance)


def check_out(
    before: Dataset, out: str | Path, *, audit: str | Path | None = None, source: str | Path | None = None
) -> None:
    """Refuse early what `give_back` would refuse by the name of `out` alone.

    Raises:
        BadInput: the data cannot be written under this name.
    """
    out, plan = Path(out), _plan(audit)
    origin = _origin(source, plan, audit)
    folder = origin is not None and origin.is_dir() and bool(_files(before, audit))
    if origin is not None and out.is_file() and out.resolve() == origin.resolve():
        raise BadInput(f"{out} is the audited data itself, which is never overwritten: give another name")
    if out.suffix == "" or out.is_dir():
        if not folder:
            raise BadInput(f"cannot write the folder {out}: {_why_no_folder(before, plan, origin)}")
    elif not (folder and out.suffix.lower() == ".csv") and not _own_format(out, origin, plan):
        check_suffix(before, out)


def _own_format(out: Path, origin: Path | None, plan: dict[str, Any]) -> bool:
    """Whether the audited table can be written again under this name."""
    kind = table_format(out)
    same = origin is not None and origin.is_file() and bool(kind) and kind == table_format(origin)
    return same and origin is not None and not plan.get("corrupt") and not _ours(origin)


def _plan(audit: str | Path | None) -> dict[str, Any]:
    if audit is None:
        return {}
    recover(audit)
    try:
        found = json.loads((Path(audit) / "summary.json").read_text(encoding="utf-8")).get("plan")
    except (OSError, ValueError, AttributeError):
        return {}
    return found if isinstance(found, dict) else {}


def _origin(source: str | Path | None, plan: dict[str, Any], audit: str | Path | None) -> Path | None:
    """The audited folder or table; None where the audit was not of one, or it is not found."""
    if source is not None:
        path = Path(source).expanduser()
        if not path.exists():
            raise BadInput(f"there is no source {source}")
        return path
    stated = plan.get("source")
    if not isinstance(stated, str) or not stated or plan.get("in_memory"):
        return None
    path = Path(stated).expanduser()
    places = [path] if path.is_absolute() or audit is None else [path, Path(audit).parent / path]
    return next((place for place in places if place.exists()), None)


def _files(before: Dataset, audit: str | Path | None) -> dict[int, str]:
    """The file of each row within the source, by index."""
    table = before.described if audit is None else read_issues(audit)
    if table is None or FILE not in table or before.kind != "image":
        return {}
    index = before.index if audit is None else table["index"].to_numpy()
    return dict(zip(index.tolist(), (str(name).replace("\\", "/") for name in table[FILE]), strict=True))


def _column(before: Dataset) -> str:
    loaded = [record["labels"] for record in before.provenance if record.get("labels")]
    return str(loaded[-1]) if loaded else "label"


def _ours(origin: Path) -> bool:
    """Whether the source is a file that `save` wrote: `save` writes it again, with its provenance."""
    if origin.suffix.lower() != ".parquet":
        return False
    from noisewise.data.readers.frames import HEAD

    try:
        return HEAD in (parquet.read_schema(origin).metadata or {})
    except (OSError, pa.ArrowException, ValueError):
        return False  # whoever reads the file says what is wrong with it


def _why_no_folder(before: Dataset, plan: dict[str, Any], origin: Path | None) -> str:
    if before.kind == "image" and origin is None and plan.get("source"):
        return f"the audited folder {plan['source']} is not found; say where it is by --source"
    return (
        f"{before.name} is no folder of images per class; give a file, such as {before.name.partition('.')[0]}.parquet"
    )


def in_words(written: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """What was written, as pairs of a heading and a line for the terminal."""
    lines: list[tuple[str, str]] = []
    for one in written:
        lines.append(("written to", f"{Path(one['out']).resolve()}{_said(one)}"))
        if one.get("renamed"):
            lines.append(("", f"{count(one['renamed'], 'moved file')} got a number, since the name was taken"))
        if one.get("neutralised"):
            lines.append(("", f"{count(one['neutralised'], 'line')} held formulas, which now are text (an apostrophe)"))
        if one.get("reviews") and Path(one["reviews"]) != Path(one["out"]):
            lines.append(("", f"what was reviewed is in {Path(one['reviews']).name}: keep it with the data"))
        if "note" in one:
            lines.append(("note", one["note"]))
    return lines


def _said(one: dict[str, Any]) -> str:
    if one["form"] == "folder":
        kind = {"links": "link", "copies": "copy"}[one["as"]]
        files = count(one["files"], kind, one["as"])
        return f" ({files}, {one['moved']:,} in another class than in {one['source']}, {one['removed']:,} left out)"
    if one["form"] == "moves":
        return f" ({count(one['moved'], 'move')}, {count(one['removed'], 'removal')} within {one['source']})"
    return f" ({count(one['rows'], 'row')}, as {one['source']})" if one["form"] == "table" else ""
