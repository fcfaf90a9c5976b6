"""Several reviewers: how far they agree, and one decision per row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from noisewise.auditing.review.exchange.decisions import checked, named, read_decisions
from noisewise.auditing.review.folder import numbers, positions
from noisewise.data.dataset import Dataset
from noisewise.data.row_names import name_columns
from noisewise.errors import BadInput

Decisions = pd.DataFrame | str | Path
REMOVED = -1


@dataclass(frozen=True, eq=False)
class Review:
    """What one person decided.

    Attributes:
        name: of the reviewer.
        table: (m lines) `index`, `decision`, `label`, in the order of the review, without the rows below.
        labels: (m,) int64, the label that each decision gives to its row; `REMOVED` for a row to remove.
        unsure: the index of rows that were looked at and left open.
    """

    name: str
    table: pd.DataFrame
    labels: np.ndarray
    unsure: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Review({self.name}: {len(self.table)} rows)"

    @property
    def found(self) -> dict[int, int]:
        """The label by the index of the row."""
        return dict(zip(self.table["index"].tolist(), self.labels.tolist(), strict=True))


def read_reviews(
    decisions: Decisions | Sequence[Decisions],
    data: Dataset,
    issues: pd.DataFrame,
    unlabelled: pd.DataFrame | None = None,
) -> list[Review]:
    """The decisions of every reviewer.

    Each table or file is the work of one reviewer, unless it has a column `reviewer`.

    Args:
        decisions: tables or files; see `decide`.
        data: the audited data.
        issues: the audit's table of all rows.
        unlabelled: the names of the rows without a label (see `without_label`).

    Raises:
        BadInput: as `decide`.
    """
    several = [decisions] if isinstance(decisions, (pd.DataFrame, str, Path)) else list(decisions)
    reviews = []
    for number, one in enumerate(several, 1):
        table = named(one, issues) if isinstance(one, pd.DataFrame) else read_decisions(one, issues)
        name = f"reviewer {number}" if isinstance(one, pd.DataFrame) else Path(one).stem
        people = table.groupby("reviewer", sort=False) if "reviewer" in table and len(table) else [(name, table)]
        for person, part in people:
            lines = checked(part, issues, unlabelled)
            unsure = lines["decision"] == "unsure"
            left = tuple(lines["index"][unsure].tolist())
            positions(lines["index"], data.index, "the data set")
            lines = lines[~unsure].reset_index(drop=True)
            reviews.append(Review(str(person), lines, _labels(lines, data, issues), left))
    return reviews


def _labels(reviewed: pd.DataFrame, data: Dataset, issues: pd.DataFrame) -> np.ndarray:
    """(m,) the class number that each decision gives to its row."""
    rows = positions(reviewed["index"], data.index, "the data set")
    at = positions(reviewed["index"], issues["index"].to_numpy(), "issues.parquet")
    suggested = issues["suggested"].to_numpy()[at]
    given = np.asarray(data.classes, dtype=object)[data.given[rows]]
    lines = zip(reviewed["index"], reviewed["decision"], reviewed["label"], given, suggested, strict=True)
    names = [_label(int(index), word, label, old, new) for index, word, label, old, new in lines]
    for row, word, name in zip(at, reviewed["decision"], names, strict=True):
        if word == "relabel" and not name.strip() and name not in data.classes:
            called = " and ".join(f"{key} {issues[key].iloc[row]}" for key in name_columns(issues, "given"))
            raise BadInput(f"decisions: the row with {called} has the decision relabel and needs a label")
    removed = (reviewed["decision"] == "remove").to_numpy(bool)
    found = np.full(len(names), REMOVED, dtype=np.int64)
    found[~removed] = numbers(
        [_known(name, data) for name, out in zip(names, removed, strict=True) if not out], data.classes
    )
    return found


def _known(name: str, data: Dataset) -> str:
    """The class of that name; without the spaces around it where only then there is one."""
    return name if name in data.classes or name.strip() not in data.classes else name.strip()


def _label(index: int, word: str, label: str, given: str, suggested: str) -> str:
    if word == "keep":
        return given
    if word == "accept" and suggested == "":
        if not label:
            raise BadInput(
                f"decisions accept a suggestion for the row with index {index} that they do not name: give the folder "
                "of the audit, not the data, or name the class in a column label or suggested"
            )
        return label
    if word == "accept" and label not in ("", suggested) and label.strip() not in ("", suggested):
        raise BadInput(
            f"decisions accept {label!r} for the row with index {index}, but this audit suggested {suggested!r}: "
            "they belong to another audit"
        )
    return suggested if word == "accept" else label


def majority(reviews: Sequence[Review]) -> Review:
    """One decision per row: the label that most reviewers gave it.

    A row with a tie is left out: it counts as not reviewed. Whoever is unsure about a row has no vote there.
    """
    if len(reviews) == 1:
        return reviews[0]
    votes = _votes(reviews)
    kept = {index: label for index, given in votes.items() if (label := _most(given)) is not None}
    lines: dict[int, tuple[Any, ...]] = {}
    for review in reviews:
        rows = zip(review.table.itertuples(index=False, name=None), review.labels.tolist(), strict=True)
        for (index, word, label), number in rows:
            if kept.get(index) == number:
                lines.setdefault(index, (index, word, label))
    order = [index for index in votes if index in kept]
    table = pd.DataFrame([lines[index] for index in order], columns=["index", "decision", "label"])
    table["index"] = table["index"].astype(np.int64)
    open_rows = dict.fromkeys(index for review in reviews for index in review.unsure if index not in votes)
    return Review("majority", table, np.array([kept[index] for index in order], dtype=np.int64), tuple(open_rows))


def agreement(reviews: Sequence[Review], classes: Sequence[str]) -> dict[str, Any]:
    """How far reviewers agree.

    Returns:
        `reviewers` and how many rows each decided; `rows`, how many were decided by two or more; `share`, of these the
        rows on which all agree; `kappa` (Cohen, A coefficient of agreement for nominal scales, 1960), the mean over
        pairs of reviewers, None where it is not defined; and `disagreements`, a dictionary per row on which they do not
        agree: `index`, `labels` by reviewer, and `decided`, the label of the majority or None.
    """
    votes = {index: given for index, given in _votes(reviews).items() if len(given) > 1}
    split = {index: given for index, given in votes.items() if len(set(given.values())) > 1}
    kappas = [one for pair in combinations(reviews, 2) if (one := _kappa(*pair)) is not None]
    return {
        "reviewers": {review.name: len(review.table) for review in reviews},
        "rows": len(votes),
        "share": 1 - len(split) / len(votes) if votes else None,
        "kappa": float(np.mean(kappas)) if kappas else None,
        "disagreements": [
            {
                "index": index,
                "labels": {name: _name(label, classes) for name, label in given.items()},
                "decided": None if (label := _most(given)) is None else _name(label, classes),
            }
            for index, given in split.items()
        ],
    }


def _votes(reviews: Sequence[Review]) -> dict[int, dict[str, int]]:
    """The label by the name of the reviewer, by the index of the row, in the order of the review."""
    votes: dict[int, dict[str, int]] = {}
    for number, review in enumerate(reviews):
        name = review.name if [other.name for other in reviews].count(review.name) == 1 else f"{review.name} {number}"
        for index, label in review.found.items():
            votes.setdefault(index, {})[name] = label
    return votes


def _name(label: int, classes: Sequence[str]) -> str:
    return "(removed)" if label == REMOVED else classes[label]


def _most(given: dict[str, int]) -> int | None:
    (first, most), *others = Counter(given.values()).most_common()
    return None if others and others[0][1] == most else first


def _kappa(one: Review, other: Review) -> float | None:
    first, second = one.found, other.found
    both = np.array([(first[index], second[index]) for index in first if index in second])
    if not len(both):
        return None
    expected = sum(float((both[:, 0] == label).mean() * (both[:, 1] == label).mean()) for label in np.unique(both))
    observed = float((both[:, 0] == both[:, 1]).mean())
    return None if expected >= 1 else (observed - expected) / (1 - expected)
