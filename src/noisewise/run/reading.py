"""How further rows of a run are read: as those of its training were, where nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import parquet

from noisewise.data.catalogue import PHOTOGRAPHS
from noisewise.data.dataset import Kind
from noisewise.data.readers import npz
from noisewise.data.readers.frames import HEAD, read_frame, table_suffix
from noisewise.data.reading import FIELDS, Reading
from noisewise.data.sources import HUB
from noisewise.doors import parsing
from noisewise.errors import BadInput

_OF_TABLES = ("labels", "text", "columns", "ignore", "id", "na", "skip_broken")


def recorded(metrics: Mapping[str, Any]) -> Reading:
    """How the source of a run was read, without its trusted rows.

    Args:
        metrics: the content of `run.json`.

    Raises:
        BadInput: it is damaged.
    """
    steps, experiment = metrics.get("provenance") or (), metrics.get("experiment") or {}
    found: dict[str, Any] = {}
    try:
        for step in steps:
            found |= step.get("reading", {})
        found |= {name: value for name, value in experiment.items() if name in FIELDS and value}
        return Reading(**{name: value for name, value in found.items() if name != "trusted"})
    except (AttributeError, TypeError, ValueError) as error:
        raise BadInput(f"the run is damaged: run.json does not say how its source was read ({error})") from error


def as_recorded(source: Any, kind: Kind, known: Reading, given: Mapping[str, Any]) -> Reading:
    """How further rows are read.

    What the networks need of a table (its columns, the name of its labels and ids) is in `RunInputs`; the columns of
    labels and ids may be absent from further rows.

    Args:
        source: of further rows.
        kind: of the data that the run trained on.
        known: how these were read.
        given: fields of `Reading` by name, which replace those of `known`.

    Raises:
        BadInput: a value that is not legal.
    """
    stated = known.stated()
    usable = _usable(source, kind, stated)
    # a field that is given as it was for the training changes nothing, also where further rows need it no more
    own = {name: value for name, value in vars(Reading(**given)).items() if name in given}
    own = {name: value for name, value in own.items() if name in usable or stated.get(name) != value}
    return Reading(**{**{name: value for name, value in usable.items() if name not in given}, **own})


def _usable(source: Any, kind: Kind, stated: dict[str, Any]) -> dict[str, Any]:
    """The fields of the training's reading by which a source can be read."""
    path = Path(source).expanduser() if isinstance(source, (str, Path)) else None
    table = path is not None and path.is_file() and table_suffix(path) is not None
    if isinstance(source, pd.DataFrame) or (table and kind in ("table", "text")):
        names: tuple[str, ...] = ("na",)
    elif table and path is not None:
        columns = _columns(path)
        return {} if columns is None else _present({n: v for n, v in stated.items() if n in _OF_TABLES}, columns)
    elif isinstance(source, str) and source.startswith(HUB):
        names = _OF_TABLES
    elif path is not None and path.is_file() and path.suffix.lower() == ".npz":
        archive = npz.Archive(path)
        names = ("labels",) if npz.HEAD not in archive and stated.get("labels") in archive else ()
    else:
        names = ("skip_broken",) if path is not None and (path.exists() or str(path) in PHOTOGRAPHS) else ()
    return {name: value for name, value in stated.items() if name in names}


def _present(stated: dict[str, Any], columns: list[str]) -> dict[str, Any]:
    found = {name: value for name, value in stated.items() if name not in ("labels", "id") or value in columns}
    if "ignore" in found:
        found["ignore"] = tuple(name for name in found["ignore"] if name in columns)
    return found


def _columns(path: Path) -> list[str] | None:
    """The names of the columns of a table in a file; None of one that noisewise wrote, which says how it is read."""
    if table_suffix(path) == ".parquet":
        with parsing(f"{path} as Parquet"):
            schema = parquet.read_schema(path)
            return None if HEAD in (schema.metadata or {}) else list(map(str, schema.names))
    return list(map(str, read_frame(path, Reading(), lambda name: True)[0].columns))
