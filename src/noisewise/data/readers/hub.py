"""Reader of data sets on the hub, by the optional library `datasets`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from noisewise.data.arrow.splits import Split, from_tables
from noisewise.data.dataset import Dataset
from noisewise.data.reading import DEFAULT, Reading
from noisewise.errors import BadInput

_NAME = re.compile(r"(?P<name>[^:@]+)(:(?P<config>[^:@]+))?(@(?P<split>[^:@]+))?")
FORM = "NAME, NAME:CONFIGURATION, NAME@SPLIT or NAME:CONFIGURATION@SPLIT"


def read_hub(source: str, reading: Reading = DEFAULT) -> Dataset:
    """Read a data set of the hub: images with their labels, else the columns of a table; see `from_tables`.

    Args:
        source: NAME, such as "owner/name", perhaps followed by ":CONFIGURATION" and "@SPLIT".
        reading: how; `labels` is required unless exactly one column has a usual name, or is a ClassLabel.

    Raises:
        BadInput: the library is missing, or the data set does not exist or cannot be used.
    """
    asked = _NAME.fullmatch(source)
    if asked is None:
        raise BadInput(f"'hf:{source}' must be hf: and {FORM}")
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise BadInput(f"reading 'hf:{source}' needs the extra hub: pip install noisewise[hub]") from error
    name, config = asked["name"], asked["config"]
    try:
        found = datasets.load_dataset(name, config)
    except (OSError, ValueError, RuntimeError) as error:
        hint = f"; a configuration is chosen by hf:{name}:CONFIGURATION" if "onfig" in str(error) else ""
        raise BadInput(f"cannot load 'hf:{source}': {' '.join(str(error).split())}{hint}") from error
    if (split := asked["split"]) is not None:
        if split not in found:
            raise BadInput(f"'hf:{source}': there is no split {split!r}, only {', '.join(found)}")
        found = {split: found[split]}
    plain = f"hf:{name}" if config is None else f"hf:{name}:{config}"
    return from_splits(found, plain, reading, f"{plain}@{{}}")


def from_splits(splits: Mapping[str, Any], name: str, reading: Reading, choose: str = "its split {!r}") -> Dataset:
    """Make a data set of the splits of one of the library `datasets`; see `from_tables`.

    Raises:
        BadInput: there is no training split, or the data cannot be used.
    """
    tables = {
        str(split): Split(rows.with_format("arrow")[:], rows.features.to_dict()) for split, rows in splits.items()
    }
    return from_tables(tables, repr(name), name, reading, choose)
