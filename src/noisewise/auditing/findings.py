"""What an audit found: one immutable record, and the files it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from noisewise.auditing.gate import Gate
from noisewise.auditing.review.queue import expected_gain
from noisewise.auditing.rows.conditions import counts
from noisewise.data.dataset import Dataset
from noisewise.files import to_json, whole_folder

PART = 2**18


@dataclass(frozen=True, eq=False)
class Findings:
    """The result of `noisewise.audit`.

    Attributes:
        data: the audited data set (n rows, K classes); its truth, when known, is used for `metrics` alone.
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        suggested: (n,) int64, the most probable label; equals the given one where that is not suspect.
        is_issue: (n,) bool, suspicion above the chosen threshold.
        noise_rate: estimated share of wrong given labels.
        interval: 90 % interval of `noise_rate`.
        transition: (K, K), estimated P(given = j | true = i).
        threshold: the suspicion above which a row is called an issue.
        scores: (n,) per detector, raw, higher is more suspect.
        probabilities: (n, K) averaged predictions, or None when the audit had none.
        explanation: how the rate was estimated, in a sentence or two for a person.
        seconds: wall time of the audit.
        metrics: `auroc`, `average_precision`, `f1`, `f1_best`, `true_noise_rate`, ...; empty when truth is unknown.
        estimates: (K, K) the transition by further estimators, by their names; empty when none was asked for.
        gate: the noise rate against the limit that was set; None without a limit.
        conditions: duplicates, outliers, ambiguous rows (see `find_conditions`); None where they were not looked for.
        command: the command line that gives these findings again; empty where there is none.
    """

    data: Dataset
    suspicion: np.ndarray
    suggested: np.ndarray
    is_issue: np.ndarray
    noise_rate: float
    interval: tuple[float, float]
    transition: np.ndarray
    threshold: float = 0.5
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    probabilities: np.ndarray | None = None
    explanation: str = ""
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    estimates: Mapping[str, np.ndarray] = field(default_factory=dict)
    gate: Gate | None = None
    conditions: pd.DataFrame | None = None
    command: str = ""

    @cached_property
    def issues(self) -> pd.DataFrame:
        """All rows, most suspect first: `index`, `given`, `suggested` (class names), `suspicion`, `is_issue`.

        Beside them `expected_gain`, over the cleaned labels; see `review`.
        """
        suspicion = np.round(self.suspicion.astype(float), 6)
        order = np.lexsort((self.data.index, -suspicion))
        return pd.DataFrame(
            {
                "index": self.data.index[order],
                "given": _named(self.data.given[order], self.data.classes),
                "suggested": _named(self.suggested[order], self.data.classes),
                "suspicion": suspicion[order],
                "is_issue": self.is_issue.astype(bool)[order],
                "expected_gain": np.round(self.expected_gain[order], 6),
            },
            copy=False,
        )

    @cached_property
    def expected_gain(self) -> np.ndarray:
        """(n,) how many correct labels a review of each row would add to the cleaned data; see `review`."""
        return expected_gain(self.suspicion.astype(float), self.is_issue.astype(bool))

    @property
    def summary(self) -> dict[str, Any]:
        """The content of `summary.json`."""
        return {
            "source": self.data.name,
            "rows": len(self.data),
            "classes": list(self.data.classes),
            "noise_rate": self.noise_rate,
            "noise_rate_interval": list(self.interval),
            "transition": self.transition,
            **({"transition_estimates": dict(self.estimates)} if self.estimates else {}),
            "issues": int(self.is_issue.sum()),
            "threshold": self.threshold,
            "explanation": self.explanation,
            "seconds": self.seconds,
            **self.metrics,
            **({"gate": self.gate.summary} if self.gate else {}),
            **({} if self.conditions is None else {"conditions": counts(self.conditions)}),
        }

    def cleaned(self) -> Dataset:
        """The data set with every issue relabelled to its suggestion."""
        given = np.where(self.is_issue, self.suggested, self.data.given)
        record = {"step": "audit", "relabelled": int((given != self.data.given).sum())}
        return replace(self.data, given=given, provenance=(*self.data.provenance, record))

    def save(self, folder: str | Path) -> Path:
        """Write `summary.json` and `.md`, `issues.parquet` and `.csv`, `report.html` and `cleaned` data, all or none.

        Raises:
            BadInput: the folder cannot be written or the disk is full.
        """
        from noisewise.auditing.report.markdown import render_markdown
        from noisewise.auditing.report.page import render
        from noisewise.data.save import save, suffix_for

        folder = Path(folder)
        with whole_folder(folder) as temporary:
            (temporary / "summary.json").write_text(to_json(self.summary), encoding="utf-8")
            (temporary / "summary.md").write_text(render_markdown(self), encoding="utf-8")
            _write_in_parts(self.issues, temporary / "issues")
            if self.conditions is not None:
                self.conditions.to_parquet(temporary / "conditions.parquet", index=False)
                self.conditions.to_csv(temporary / "conditions.csv", index=False)
            (temporary / "report.html").write_text(render(self), encoding="utf-8")
            save(self.cleaned(), temporary / f"cleaned{suffix_for(self.data)}")
        return folder


def _named(numbers: np.ndarray, classes: Sequence[str]) -> pd.Series:
    """(n,) the names of class numbers, without a Python object per row."""
    coded = pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(list(classes)))
    return coded.cast(pa.large_string()).to_pandas()


def _write_in_parts(table: pd.DataFrame, path: Path) -> None:
    """Write `.parquet` and `.csv`, some rows at a time, so that a large table is not in the memory twice."""
    schema = pa.Schema.from_pandas(table.iloc[:1], preserve_index=False)
    with (
        ParquetWriter(path.with_suffix(".parquet"), schema) as writer,
        path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file,
    ):
        for start in range(0, max(len(table), 1), PART):
            part = table.iloc[start : start + PART]
            writer.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))
            part.to_csv(file, index=False, header=start == 0)
