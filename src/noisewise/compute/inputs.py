"""Which file or folder a run was computed from: a former content's runs are not taken for those of the present one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from noisewise.errors import BadInput
from noisewise.files import write_json

FILE, KEY = "input.json", "content"


def content(source: str) -> str | None:
    """A hash of a file, or of the names and sizes of the files in a folder; None of what is neither."""
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        return None
    files = sorted(one for one in path.rglob("*") if one.is_file())
    named = [(one.relative_to(path).as_posix(), one.stat().st_size) for one in files]
    return hashlib.sha256(repr(named).encode("utf-8", "surrogatepass")).hexdigest()


def note(source: str, folder: Path, found: str | None) -> None:
    """Write into the folder of a run what its source held when it began, if that is a file or a folder.

    Args:
        source: of the run.
        folder: of the run.
        found: the `content` of the source.
    """
    if found is not None:
        write_json(folder / FILE, {"source": source, KEY: found})


def check_unchanged(runs: Iterable[tuple[str, Path]]) -> None:
    """Check that finished runs were computed from what their sources hold now; earlier versions did not note it.

    Args:
        runs: the source and the folder of each.

    Raises:
        BadInput: a source has changed.
    """
    now: dict[str, str | None] = {}
    for source, folder in runs:
        path = folder / FILE
        if not path.exists():
            continue
        try:
            known = json.loads(path.read_text(encoding="utf-8"))[KEY]
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{path} is damaged: remove {folder} to compute this run again") from error
        if source not in now:
            now[source] = content(source)
        if now[source] is not None and known != now[source]:
            said = f"{source} has changed since runs in {folder.parent} were computed from it"
            raise BadInput(f"{said}: give another --out, or remove these runs")
