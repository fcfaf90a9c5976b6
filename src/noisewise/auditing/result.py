"""The result of an audit as a value: what was found in which rows, and the tables made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from noisewise.auditing.candidate import Candidate
from noisewise.auditing.gate import Gate
from noisewise.auditing.judgement.judgement import ACTIONS, Judgement
from noisewise.auditing.plan import AuditPlan
from noisewise.auditing.review.certify.sample import draw
from noisewise.auditing.reviewed import Reviewed, reviewed_before
from noisewise.auditing.rows.conditions import counts
from noisewise.data.dataset import Dataset
from noisewise.data.row_names import name_columns, named, predicted_rows
from noisewise.errors import BadInput, nearest
from noisewise.formatting import count, html_table, percent

UNSURE = ("keep", "drop")
SHOWN = 10  # rows in a notebook
NAMED = 5  # classes that are named in a sentence


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult:
    """What an audit found in n rows of K classes. Reports are written from it; see `Findings`.

    The attributes of the judgement, such as `suspicion` and `noise_rate`, are properties of the result too.

    Attributes:
        data: the audited data set; its truth, where it is known, is used for `metrics` alone.
        judgement: suspicion and suggestion of every row, noise rate with its interval, transition matrix, threshold.
        scores: (n,) per reported detector, raw; higher is more suspect.
        probabilities: (n, K) averaged predictions; None where the audit had none.
        metrics: `auroc`, `average_precision`, `f1`, `f1_best`, `true_noise_rate`, ...; empty without the truth.
        estimates: (K, K) per further estimator of the transition matrix.
        candidates: the models that were compared for the probabilities, with held-out loss and weight.
        gate: the noise rate compared with the limit that was set; None without a limit.
        conditions: duplicates, outliers, ambiguous rows (see `find_conditions`); None where they were not looked for.
        seconds: wall time of the audit.
        plan: the plan of the audit; None where there was no audit.
        command: the command line that reproduces these findings; empty where there is none.
        further: (m, K) predictions of the unlabelled rows; None where there are none.
    """

    data: Dataset
    judgement: Judgement
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    probabilities: np.ndarray | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    estimates: Mapping[str, np.ndarray] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    gate: Gate | None = None
    conditions: pd.DataFrame | None = None
    seconds: float = 0.0
    plan: AuditPlan | None = None
    command: str = ""
    further: np.ndarray | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.data.name}: {self.judgement.line})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the rate, the warnings, and the most suspect rows."""
        issues = self.issues[self.issues["is_issue"]]
        columns = [*name_columns(issues, "given"), "given", "suggested", "suspicion"]
        shown = [
            (*names, f"{suspicion:.3f}") for *names, suspicion in issues[columns].head(SHOWN).itertuples(index=False)
        ]
        low, high = self.interval
        rate = f"{percent(self.noise_rate)} wrong labels (90 % interval {percent(low)} to {percent(high)})"
        title = f"{self.data.name}: {rate}, {count(len(issues), 'issue')} among {count(len(self.data), 'row')}"
        more = [f"{len(issues) - SHOWN:,} more issues are in .issues."] if len(issues) > SHOWN else []
        said = [f"Weak evidence: {self.weak}"] if self.weak else []
        said += [
            *(f"Note: {note}." for note in self.data.notes),
            *more,
            ".save(folder) writes the report for the review.",
        ]
        return html_table(title, columns, shown, " ".join(said))

    @property
    def suspicion(self) -> np.ndarray:
        """(n,) in [0, 1], the probability that the given label is wrong."""
        return self.judgement.suspicion

    @property
    def suggested(self) -> np.ndarray:
        """(n,) int64, the most probable label; equals the given one where that is not suspect."""
        return self.judgement.suggested

    @property
    def is_issue(self) -> np.ndarray:
        """(n,) bool, suspicion above the threshold."""
        return self.judgement.is_issue

    @property
    def noise_rate(self) -> float:
        """Estimated share of wrong given labels."""
        return self.judgement.noise_rate

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of `noise_rate`."""
        return self.judgement.interval

    @property
    def transition(self) -> np.ndarray:
        """(K, K), estimated P(given = j | true = i)."""
        return self.judgement.transition

    @property
    def threshold(self) -> float:
        """The suspicion above which a row is called an issue."""
        return self.judgement.threshold

    @property
    def explanation(self) -> str:
        """How the rate was estimated, in a few sentences."""
        return self.judgement.explanation

    @property
    def weak(self) -> str:
        """Why the evidence cannot tell how many labels are wrong, and what would help; empty where it can."""
        return self.judgement.weak

    @property
    def action(self) -> np.ndarray:
        """(n,) "keep", "relabel" or "unsure": what `cleaned` does with each row."""
        return self.judgement.action

    @cached_property
    def issues(self) -> pd.DataFrame:
        """All rows, most suspect first.

        Columns: `index`; the id and the `file` of the row, where it has them (see `noisewise.data.row_names.named`);
        `given`, `suggested` (class names), `suspicion`, `is_issue`, `action` ("keep", "relabel" or "unsure"), and
        `expected_gain`, the number of correct labels that a review of the row is expected to add to the cleaned data
        (see `review`). If rows were reviewed before, also `reviewed`.
        """
        known = {} if self.reviewed is None else {"reviewed": self.reviewed.mask(len(self.data))}
        suspicion = np.round(self.suspicion.astype(float), 6)
        order = np.lexsort((self.data.index, -suspicion))
        table = pd.DataFrame(
            {
                "index": self.data.index[order],
                "given": _named(self.data.given[order], self.data.classes),
                "suggested": _named(self.suggested[order], self.data.classes),
                "suspicion": suspicion[order],
                "is_issue": self.is_issue.astype(bool)[order],
                "action": _named(self.judgement.action_code[order], ACTIONS),
                "expected_gain": np.round(self.expected_gain[order], 6),
                **{name: mask[order] for name, mask in known.items()},
            },
            copy=False,
        )
        return named(table, self.data)

    @cached_property
    def unlabelled(self) -> pd.DataFrame | None:
        """The rows without a label, in their order; None where there are none, or they were not predicted.

        Columns: `index`; the id and the `file` of the row, where it has them; `predicted`, the most probable class, and
        `confidence`, its probability. Rows without a label are not judged, and no number of the audit counts them.
        """
        rest = self.data.unlabelled
        return None if rest is None or self.further is None else predicted_rows(rest, self.further, self.data.classes)

    @cached_property
    def expected_gain(self) -> np.ndarray:
        """(n,) how many correct labels a review of each row is expected to add to the cleaned data (see `review`)."""
        return self.judgement.expected_gain

    @cached_property
    def reviewed(self) -> Reviewed | None:
        """The rows that a person reviewed before this audit; None where there are none."""
        return reviewed_before(self.data)

    @cached_property
    def sample(self) -> pd.DataFrame:
        """The fixed random order in which a person reviews rows to certify the noise rate (`certify.parquet`)."""
        known = None if self.reviewed is None else self.reviewed.mask(len(self.data))
        seed = 0 if self.plan is None else self.plan.seed
        return draw(self.data.index, self.suspicion, self.is_issue.astype(bool), seed=seed, reviewed=known)

    @property
    def summary(self) -> dict[str, Any]:
        """The content of `summary.json`; `plan` is the plan in full, so that the audit can be run again."""
        return {
            "weak": self.weak,  # first, since it qualifies all that follows
            "source": self.data.name,
            "rows": len(self.data),
            **({} if self.data.unlabelled is None else {"unlabelled": self._unlabelled}),
            "classes": list(self.data.classes),
            "noise_rate": self.noise_rate,
            "noise_rate_interval": list(self.interval),
            "transition": self.transition,
            **({"transition_estimates": dict(self.estimates)} if self.estimates else {}),
            "issues": int(self.is_issue.sum()),
            "actions": self.judgement.actions,
            **({} if self.reviewed is None else {"reviewed": len(self.reviewed)}),
            "threshold": self.threshold,
            "explanation": self.explanation,
            "candidates": [one.plain for one in self.candidates],
            "columns": [column.plain for column in self.data.columns],
            "notes": list(self.data.notes),
            **({"skipped": skipped} if (skipped := self.data.skipped) else {}),
            "seconds": self.seconds,
            **self.metrics,
            **({"gate": self.gate.summary} if self.gate else {}),
            **({} if self.conditions is None else {"conditions": counts(self.conditions)}),
            **({} if self.plan is None else {"plan": self.plan.plain()}),
        }

    @property
    def about_unlabelled(self) -> str:
        """What became of the rows without a label, in words; empty where there are none."""
        rest, table = self.data.unlabelled, self.unlabelled
        if rest is None:
            return ""
        rows = count(len(rest), "row")
        if table is None:
            return f"{rows} without a label, not judged; nothing here predicts them"
        counts = table["predicted"].value_counts()
        first = ", ".join(f"{name} {number:,}" for name, number in counts.head(NAMED).items())
        more = f" and {count(len(counts) - NAMED, 'further class', 'further classes')}" if len(counts) > NAMED else ""
        return f"{rows} without a label, predicted and not judged (unlabelled.csv): {first}{more}"

    @property
    def _unlabelled(self) -> dict[str, Any]:
        rest, table = self.data.unlabelled, self.unlabelled
        counts = None if table is None else {str(k): int(v) for k, v in table["predicted"].value_counts().items()}
        return {"rows": 0 if rest is None else len(rest), "predicted": counts}

    def cleaned(self, unsure: str = "keep") -> Dataset:
        """The data set with the suggestion where that is expected to be right more often than the given label.

        These are the rows whose `action` is "relabel".

        Args:
            unsure: what becomes of the other issues: "keep" leaves their given label, "drop" leaves them out.

        Raises:
            BadInput: `unsure` is neither.
        """
        if unsure not in UNSURE:
            raise BadInput(f"unsure={unsure!r} must be one of {', '.join(UNSURE)}{nearest(unsure, UNSURE)}")
        given = np.where(self.judgement.action_code == 1, self.suggested, self.data.given)
        record = {"step": "audit", "relabelled": int((given != self.data.given).sum())}
        if unsure == "drop":
            record["dropped"] = self.judgement.actions["unsure"]
        cleaned = replace(self.data, given=given, provenance=(*self.data.provenance, record))
        return cleaned if unsure == "keep" else cleaned.take(np.flatnonzero(self.judgement.action_code != 2))


def _named(numbers: np.ndarray, classes: Sequence[str]) -> pd.Series:
    """(n,) the names of class numbers, without a Python object per row."""
    coded = pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32)), pa.array(list(classes)))
    return coded.cast(pa.large_string()).to_pandas()
