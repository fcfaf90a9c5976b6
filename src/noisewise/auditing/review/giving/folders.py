"""Decided labels as a folder of images per class, or as a list of moves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from noisewise.auditing.review.giving.changes import Changes
from noisewise.data.reviews.kept import beside, reviews, written_beside
from noisewise.errors import BadInput
from noisewise.files import fresh_folder, write_csv

DEPTH = 2  # folders from the top within which the class stands: photos/cat/1.jpg or photos/train/cat/1.jpg


def write_folder(
    source: Path, changed: Changes, files: Mapping[int, str], out: Path, *, copies: bool
) -> dict[str, Any]:
    """Write the source again with every image in the folder of its decided class, all or nothing.

    Removed rows are left out. Everything else, such as other splits and files that are no rows, stays where it was.

    Args:
        source: the folder of images per class.
        changed: what was decided.
        files: the file of each row within the source, by index.
        out: a folder that does not exist or is empty.
        copies: copy the files; otherwise they are symbolic links to those of the source.

    Returns:
        `files` written, `moved`, `removed`, `renamed` (moved files whose name was taken), `as`, "links" or "copies",
        and `reviews`, the hidden file that holds what was reviewed.

    Raises:
        BadInput: `out` holds something, or lies in the source; a file is missing; or a class has no folder.
    """
    source, out = source.resolve(), out.absolute()
    _check_out(source, out)
    target, renamed = _targets(source, changed, files)
    with fresh_folder(out) as temporary:
        try:
            for name, place in target.items():
                path = temporary / place
                path.parent.mkdir(parents=True, exist_ok=True)
                if copies:
                    shutil.copy2(source / name, path)
                else:
                    path.symlink_to(source / name)
            new_name = {index: target.get(name) for index, name in files.items()}
            if reviewed := reviews(changed.reviewed, new_name.get):
                beside(temporary).write_text(written_beside(temporary, reviewed), encoding="utf-8")
        except OSError as error:
            hint = "" if copies else "; where links are not possible, --copy copies the files"
            raise BadInput(f"cannot write {out}: {error.strerror or error}{hint}") from error
    return {
        "files": len(target),
        "moved": sum(name != place for name, place in target.items()),
        "removed": len(changed.removed),
        "renamed": renamed,
        "as": "copies" if copies else "links",
        **({"reviews": beside(out)} if reviewed else {}),
    }


def write_moves(source: Path, changed: Changes, files: Mapping[int, str], out: Path) -> dict[str, Any]:
    """Write a CSV with a line per file that moves: `file`, `to` (empty for a removed row), `given`, `label`.

    Args:
        source: the folder of images per class; paths are relative to it.
        changed: what was decided.
        files: the file of each row within the source, by index.
        out: the file to write.

    Returns:
        `moved`, `removed` and `renamed`, numbers of files.

    Raises:
        BadInput: as `write_folder`.
    """
    target, renamed = _targets(source.resolve(), changed, files)
    lines = [
        (files[index], target.get(files[index], ""), changed.given[index], changed.label.get(index, ""))
        for index in sorted([*changed.label, *changed.removed])
    ]
    write_csv(out, pd.DataFrame(lines, columns=["file", "to", "given", "label"]))
    return {"moved": len(changed.label), "removed": len(changed.removed), "renamed": renamed}


def _targets(source: Path, changed: Changes, files: Mapping[int, str]) -> tuple[dict[str, str], int]:
    """Where every file of the source goes, by its present place; and how many moved files had to be renamed."""
    present = list(_walk(source))
    missing = sorted(set(files.values()) - set(present))
    if missing:
        raise BadInput(f"{source} has no file {missing[0]!r}, which was audited: say where the folder is by --source")
    gone = {files[index] for index in changed.removed}
    wanted = {files[index]: _moved(files[index], changed.given[index], label) for index, label in changed.label.items()}
    target = {name: name for name in present if name not in gone and name not in wanted}
    taken = {name.lower() for name in target.values()}
    renamed = 0
    for name, place in wanted.items():
        free = place
        stem, suffix = os.path.splitext(place)
        number = 1
        while free.lower() in taken:
            number += 1
            free = f"{stem}-{number}{suffix}"
        renamed += free != place
        taken.add(free.lower())
        target[name] = free
    return target, renamed


def _moved(file: str, given: str, label: str) -> str:
    parts = file.split("/")
    if given not in parts[:DEPTH] or len(parts) < 2:
        raise BadInput(
            f"the file {file!r} is not in a folder {given!r}: a folder of images per class is needed for that; "
            "--out FILE.npz or FILE.parquet holds the labels of any data"
        )
    parts[parts.index(given)] = label
    return "/".join(parts)


def _walk(source: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(source, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            yield Path(folder, name).relative_to(source).as_posix()


def _check_out(source: Path, out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} is there already: give a folder that does not exist yet")
    if source == out.resolve() or source in out.resolve().parents:
        raise BadInput(f"{out} lies in {source}, which would then hold every image twice: give another folder")
