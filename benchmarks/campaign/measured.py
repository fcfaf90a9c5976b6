"""The results of a campaign as a table, and what is computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from noisewise.errors import BadInput
from noisewise.files import whole
from noisewise.methods import METHODS, card
from noisewise.spec import parse

from .runner import read_lines

COLUMNS = (
    *("part", "source", "corrupt", "model", "method", "preset", "of_epochs", "rows", "trusted", "epochs", "lr"),
    *("weight_decay", "seed", "last", "best", "selected", "selected_epoch", "label_wave", "agreement", "validation"),
    *("noise", "precision_of_suspicion", "noisy_fit", "label_precision", "label_recall", "train_seconds", "seconds"),
    *("device", "precision", "torch", "commit", "failed", "key"),
)
ACCURACIES = ("last", "best", "selected", "label_wave", "agreement")
PARTS = ("grid", "human", "trusted")  # what is compared with `ce` of the same case and seed
CASES = {
    ("fashion-mnist-10000", "symmetric:0"): "clean",
    ("cifar10n-aggre", ""): "human, majority",
    ("cifar10n-random1", ""): "human, one label",
}
ORDER = ("clean", "symmetric:0.2", "symmetric:0.5", "symmetric:0.8", "pair:0.4", "instance:0.4", "annotators:0.3")
BASE, TUNED = "ce", "ce, tuned"
CONFIDENCE = 0.95


def gathered(csv: Path, paths: Iterable[Path]) -> pd.DataFrame:
    """The committed table, extended by result files; new lines of a cell win."""
    known = pd.read_csv(csv, dtype={"commit": str}) if csv.exists() else pd.DataFrame(columns=[*COLUMNS])
    new = pd.DataFrame(read_lines(paths), columns=[*COLUMNS])
    if "failed" in new:
        new = new[new["failed"].isna() | ~new["key"].isin(known["key"])]
    kept = known[~known["key"].isin(new["key"])]
    return pd.concat([part for part in (kept, new) if len(part)] or [known], ignore_index=True)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write the table; numbers of seconds are rounded."""
    rounded = table.assign(**{name: table[name].astype(float).round(1) for name in ("train_seconds", "seconds")})
    with whole(path) as temporary:
        rounded.to_csv(temporary, index=False, lineterminator="\n")


def finished(table: pd.DataFrame) -> pd.DataFrame:
    """The cells with a result, accuracies in percent, with their `case`."""
    found = table[table["failed"].isna() & table["last"].notna()].copy()
    for name in (*ACCURACIES, "validation", "noise", "precision_of_suspicion", "noisy_fit"):
        found[name] = 100 * found[name].astype(float)
    corrupt = found["corrupt"].fillna("").astype(str)
    found["case"] = [
        CASES.get((source, noise), noise or source) for source, noise in zip(found["source"], corrupt, strict=True)
    ]
    return found


def compared(found: pd.DataFrame) -> pd.DataFrame:
    """The cells of the comparison: the grid, human labels, trusted rows, and `ce` tuned on noisy validation rows."""
    own = found[found["part"].isin(PARTS)]
    arms = found[(found["part"] == "tuning") | (found["part"].isin(PARTS) & (found["method"] == BASE))]
    tuned = []
    for _, group in arms.groupby(["case", "seed"], sort=False):
        if (group["part"] == "tuning").any() and group["validation"].notna().any():
            tuned.append(group.sort_values("validation", kind="stable").dropna(subset="validation").iloc[-1])
    if not tuned:
        return own
    chosen = pd.DataFrame(tuned).assign(method=TUNED, part="tuning")
    return pd.concat([own, chosen.astype(own.dtypes.to_dict())], ignore_index=True)


def records(found: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain data."""
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def cases(found: pd.DataFrame) -> list[str]:
    """The cases of cells in their usual order."""
    there = list(dict.fromkeys(found["case"]))
    return [case for case in ORDER if case in there] + [case for case in there if case not in ORDER]


def paired(found: pd.DataFrame, column: str, base: str = BASE) -> pd.DataFrame:
    """Per cell, the difference of its accuracy to that of `base` with the same case and seed, as `difference`."""
    reference = found[found["method"] == base].groupby(["case", "seed"])[column].mean().rename("reference")
    joined = found.join(reference, on=["case", "seed"], how="inner")
    return joined.assign(difference=joined[column] - joined["reference"])


@dataclass(frozen=True)
class Mean:
    """A mean over cells with its interval.

    Attributes:
        value: the mean.
        half: half of the width of its 95 % interval, by Student's t; infinite for one cell.
        cells: how many.
        worst: the smallest.
        where: the case of the smallest.
    """

    value: float
    half: float
    cells: int
    worst: float
    where: str

    @property
    def sure(self) -> bool:
        """Whether the interval does not hold 0."""
        return self.cells > 1 and abs(self.value) > self.half

    def __str__(self) -> str:
        return f"{self.value:+.1f}" if self.cells < 2 else f"{self.value:+.1f} ± {self.half:.1f}"


def mean_of(cells: pd.DataFrame) -> Mean:
    """The mean of the column `difference`. The interval treats cells as independent."""
    values = cells["difference"].to_numpy(dtype=float)
    n = len(values)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf")
    worst = cells.sort_values("difference").iloc[0]
    return Mean(float(values.mean()), half, n, float(worst["difference"]), str(worst["case"]))


def differences(found: pd.DataFrame, column: str) -> dict[str, Mean]:
    """Per method, the mean difference to `ce` over all cells that both have; the largest first."""
    cells = paired(found, column)
    means = {str(method): mean_of(group) for method, group in cells.groupby("method", sort=False)}
    return dict(sorted(means.items(), key=lambda item: -item[1].value))


def complete(found: pd.DataFrame) -> list[str]:
    """The methods that were computed in every case that `ce` was."""
    wanted = set(found.loc[found["method"] == BASE, "case"])
    groups = found.groupby("method", sort=False)["case"]
    return [str(method) for method, there in groups if wanted <= set(there)]


def facts(method: str) -> Mapping[str, Any]:
    """Cost relative to `ce` in passes, and whether trusted rows are needed; of unknown methods no cost is known."""
    try:
        entries = [card(term.name) for term in parse(method, METHODS)]
    except BadInput:
        return {"cost": None, "trusted": False}
    return {
        "cost": max(entry.relative_cost for entry in entries),
        "trusted": any(entry.needs_trusted for entry in entries),
    }
