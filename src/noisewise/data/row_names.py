"""What people call the rows, as columns of the tables that are written about them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from noisewise.data.dataset import Dataset
from noisewise.data.images.files import image_files

INDEX, FILE, ID = "index", "file", "id"


def named(table: pd.DataFrame, *parts: Dataset) -> pd.DataFrame:
    """A table with the names of its rows after its column `index`.

    These are the ids, under the name of their column (`id` where the table has such a column already), and, for images
    in files, `file`. A table of rows without names stays as it is.

    Args:
        table: with a column `index`.
        parts: data sets that have its rows, such as the training and the validation rows.
    """
    index = np.concatenate([part.index for part in parts])
    order = np.argsort(index, kind="stable")
    wanted = table[INDEX].to_numpy()
    at = order[np.minimum(np.searchsorted(index, wanted, sorter=order), max(len(order) - 1, 0))]
    found = table
    for place, (name, column) in enumerate(_names(parts, table).items(), list(table.columns).index(INDEX) + 1):
        found = found.copy(deep=False) if found is table else found
        found.insert(place, name, column.iloc[at].array)
    return found


def predicted_rows(data: Dataset, probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """What is predicted of rows: `index`, their names, `predicted`, `confidence`, and `given` if they have labels.

    Args:
        data: n rows.
        probabilities: (n, K) of them.
        classes: K class names.
    """
    names, best = np.asarray(classes, dtype=object), probabilities.argmax(axis=1)
    columns = {
        "index": data.index,
        "predicted": names[best],
        "confidence": np.round(probabilities.max(axis=1), 6) if len(best) else np.empty(0),
        **({"given": names[data.given]} if data.labelled and len(best) else {}),
    }
    return named(pd.DataFrame(columns), data)


def name_columns(table: pd.DataFrame, before: str) -> list[str]:
    """The columns that say which row it is: `index`, and those that `named` put before the column `before`."""
    return [str(name) for name in table.columns[: list(table.columns).index(before)]]


def _names(parts: tuple[Dataset, ...], table: pd.DataFrame) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    if parts[0].ids is not None:
        name = str(parts[0].ids.name)
        name = ID if name in table or name == INDEX else name
        while name in table:
            name += "_"
        found[name] = pd.concat([_of(part, part.ids) for part in parts], ignore_index=True)
    if all(file_names(part) is not None for part in parts):
        files = pd.concat([_of(part, file_names(part)) for part in parts], ignore_index=True)
        if FILE not in table and not (FILE in found and files.equals(found[FILE])):
            found[FILE if FILE not in found else f"{FILE}_"] = files
    return found


def file_names(part: Dataset) -> pd.Series | None:
    """(n,) the files of images, relative to their source where that is known; None of other rows."""
    if part.kind != "image":
        return None
    if part.described is not None and FILE in part.described:
        return part.described[FILE]
    files = image_files(part.inputs)
    return None if files is None else pd.Series(files, dtype=object)


def _of(part: Dataset, values: pd.Series | None) -> pd.Series:
    return pd.Series([None] * len(part), dtype=object) if values is None else values
