"""Candidates: the models that an audit compared by how well they predict labels they have not seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from noisewise.errors import BadInput

SMALLEST = 1e-6  # probability, so that one impossible label does not make a loss infinite
GUESSING = "guessing"


@dataclass(frozen=True)
class Candidate:
    """One model that could predict the labels, and how well it did.

    Attributes:
        name: of the model, such as "regression".
        loss: mean held-out cross entropy with the given labels, in nats, after calibration (see `stacked`); None for a
            candidate that was not run.
        accuracy: share of the rows whose given label is the held-out first choice; None for one that was not run.
        seconds: wall time.
        weight: share of the candidate in the evidence, in [0, 1]; the weights of all candidates sum to one.
        note: the settings that were chosen for it, or why it was not run.
    """

    name: str
    loss: float | None = None
    accuracy: float | None = None
    seconds: float = 0.0
    weight: float = 0.0
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise BadInput(f"candidate {self.name!r}: weight={self.weight} must lie between 0 and 1")

    @property
    def was_run(self) -> bool:
        """Whether the candidate was fitted."""
        return self.loss is not None

    @property
    def plain(self) -> dict[str, Any]:
        """The fields by name, as `summary.json` holds them."""
        return asdict(self)


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross entropy of (n, K) probabilities with the labels (n,), in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, SMALLEST)).mean())


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose label (n,) is the first choice of (n, K) probabilities."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def guessing(labels: np.ndarray, classes: int) -> Candidate:
    """The candidate that predicts the frequencies of the classes for every row: what any other has to beat.

    Args:
        labels: (n,) given labels.
        classes: K.
    """
    shares = np.bincount(labels, minlength=classes) / len(labels)
    present = shares[shares > 0]
    return Candidate(GUESSING, float(-(present * np.log(present)).sum()), float(shares.max()))
