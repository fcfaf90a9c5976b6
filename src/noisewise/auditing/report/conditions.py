"""The panel of duplicates, outliers and ambiguous rows: their numbers, and the first of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from noisewise.auditing.report.markup import count, name
from noisewise.auditing.report.shown import as_text
from noisewise.auditing.report.thumbnails import thumbnails
from noisewise.auditing.result import AuditResult
from noisewise.auditing.rows.conditions import ALONE, CONDITIONS, counts
from noisewise.data.dataset import Dataset

GROUPS, OF_A_GROUP, ALONE_SHOWN = 4, 4, 8
CELLS, CHARACTERS, OF_TEXTS = 4, 24, 120
SMALL = 56
BUDGET, EDGE = 300_000, 128
TITLES = {
    "conflicting-duplicate": "Duplicates with different labels",
    "duplicate": "Duplicates",
    "outlier": "Outliers",
    "ambiguous": "Ambiguous rows",
}


def conditions_body(result: AuditResult) -> str:
    """The content of the panel: a line per condition with its number of rows, and the first rows of each.

    The first four groups of duplicates are shown, with at most four rows each, and the first eight rows of every other
    condition. Rows are shown as pictures with their given labels, or else as index, given label and first cells. For
    labels alone only the ambiguous rows are counted, unless embeddings were given.
    """
    found = result.conditions
    assert found is not None  # the report asks for the panel only where conditions were looked for
    numbers = counts(found)
    bare = result.data.shape == (0,) and set(found["condition"]) <= {"ambiguous"}
    lines = [_part(result, found[found["condition"] == condition], condition) for condition in CONDITIONS]
    rows = "".join(
        f'<tr><th scope="row">{TITLES[condition]}</th><td class="number">{count(numbers[condition], "row")}</td></tr>'
        for condition in (CONDITIONS if not bare else ("ambiguous",))
    )
    less = '<p class="note">Labels without inputs or embeddings are not compared.</p>' if bare else ""
    more = '<p class="note">conditions.csv lists all.</p>' if len(found) else ""
    return f'<table class="plain"><tbody>{rows}</tbody></table>{less}{"".join(lines)}{more}'


def _part(result: AuditResult, lines: pd.DataFrame, condition: str) -> str:
    if not len(lines):
        return ""
    data = result.data
    groups = [lines.head(ALONE_SHOWN)]
    if (lines["group"] != ALONE).all():
        first = lines["group"].drop_duplicates().head(GROUPS)
        groups = [lines[lines["group"] == group].head(OF_A_GROUP) for group in first]
    order = np.argsort(data.index, kind="stable")
    places = [order[np.searchsorted(data.index, part["index"], sorter=order)] for part in groups]
    shown = "".join(f'<ul class="rows">{_rows(data, positions)}</ul>' for positions in places)
    return f'<h4>{TITLES[condition]}</h4><div class="groups">{shown}</div>'


def _rows(data: Dataset, positions: np.ndarray) -> str:
    images: Sequence[str] = thumbnails(data, positions, budget=BUDGET, largest=EDGE) if data.kind == "image" else []
    kind = ' class="small"' if max(data.shape[:2], default=0) <= SMALL else ""
    items = []
    for at, position in enumerate(positions):
        number, label = int(data.index[position]), name(data.classes[data.given[position]], CHARACTERS)
        picture = f'<img{kind} src="{images[at]}" alt="row {number}" width="56" height="56">' if images else ""
        items.append(f'<li title="row {number}">{picture}<span>{number}: {label}</span>{_cells(data, position)}</li>')
    return "".join(items)


def _cells(data: Dataset, position: int) -> str:
    if data.described is None or data.kind == "image":
        return ""
    row = data.described.iloc[position, :CELLS]
    if data.kind == "text" and len(row) == 1:
        return f"<small>{name(as_text(row.iloc[0], OF_TEXTS))}</small>"
    texts = [f"{name(column, CHARACTERS)} {name(as_text(value, CHARACTERS))}" for column, value in row.items()]
    return f"<small>{', '.join(texts)}</small>"
