"""The judgement: what evidence says about the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisewise.formatting import count, percent

ACTIONS = ("keep", "relabel", "unsure")


@dataclass(frozen=True, eq=False, repr=False)
class Judgement:
    """What the evidence says about the labels of n rows.

    Attributes:
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        suggested: (n,) int64, the most probable other label of issues; the given label of all other rows.
        is_issue: (n,) bool, suspicion above the threshold.
        noise_rate: estimated share of wrong labels.
        interval: 90 % interval of `noise_rate`.
        transition: (K, K) estimated P(given = j | true = i).
        threshold: the suspicion above which a row is an issue.
        explanation: how the rate was estimated, in a few sentences.
        weak: one sentence that says why the evidence cannot tell how many labels are wrong, and what would help; empty
            where it can.
        relabel: (n,) bool, the issues whose suggestion is expected to be right more often than the given label; None
            stands for all issues.
        suggestion_right: (n,) in [0, 1], the probability that the suggestion is right where the given label is wrong;
            None stands for 1.
    """

    suspicion: np.ndarray
    suggested: np.ndarray
    is_issue: np.ndarray
    noise_rate: float
    interval: tuple[float, float]
    transition: np.ndarray
    threshold: float = 0.5
    explanation: str = ""
    weak: str = ""
    relabel: np.ndarray | None = None
    suggestion_right: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.relabel is None:
            object.__setattr__(self, "relabel", np.asarray(self.is_issue, dtype=bool))

    def __repr__(self) -> str:
        return f"Judgement({self.line})"

    @property
    def action_code(self) -> np.ndarray:
        """(n,) int8, the position of each row's action in `ACTIONS`."""
        relabel, issue = np.asarray(self.relabel, dtype=bool), np.asarray(self.is_issue, dtype=bool)
        return np.where(relabel, 1, np.where(issue, 2, 0)).astype(np.int8)

    @property
    def action(self) -> np.ndarray:
        """(n,) what a cleaned copy does with each row.

        "keep", "relabel" (the given label becomes the suggested one), or "unsure": an issue whose suggestion is not
        expected to be right more often than its given label.
        """
        return np.array(ACTIONS)[self.action_code]

    @property
    def actions(self) -> dict[str, int]:
        """The number of rows per action."""
        return dict(zip(ACTIONS, np.bincount(self.action_code, minlength=len(ACTIONS)).tolist(), strict=True))

    @property
    def expected_gain(self) -> np.ndarray:
        """(n,) how many correct labels a review of each row is expected to add to the cleaned data."""
        right = 1.0 if self.suggestion_right is None else self.suggestion_right
        return expected_gain(self.suspicion, self.action_code == 1, right)

    @property
    def line(self) -> str:
        """Rows, rate, interval and issues in one line."""
        low, high = self.interval
        return (
            f"{count(len(self.suspicion), 'row')}, noise rate {percent(self.noise_rate)} (90 % interval "
            f"{percent(low)} to {percent(high)}), {count(int(self.is_issue.sum()), 'issue')}"
        )


def expected_gain(suspicion: np.ndarray, relabel: np.ndarray, suggestion_right: np.ndarray | float) -> np.ndarray:
    """The number of correct labels that a review of each row is expected to add to the cleaned data.

    A reviewer who is always right corrects a label if it is wrong, so the gain is the probability that the label in
    `cleaned` is wrong. A row that is not relabelled keeps its given label, which is wrong with probability s, its
    suspicion. A relabelled row has its suggestion, which is right with probability s p, where p is the probability that
    the suggestion is right if the given label is wrong.

    Args:
        suspicion: (n,) in [0, 1], the probability that the given label is wrong.
        relabel: (n,) bool, rows with their suggestion in the cleaned data.
        suggestion_right: (n,) in [0, 1], p; or one number for all rows.

    Returns:
        (n,) in [0, 1].
    """
    s = np.asarray(suspicion, dtype=float)
    return np.where(relabel, 1 - s * suggestion_right, s)
