"""What one training of a cross-fitting leaves behind, and all of them together as evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.data import Dataset


@dataclass(frozen=True, eq=False, repr=False)
class Fold:
    """What one training of a cross-fitting leaves behind.

    Attributes:
        held: (n,) bool, the rows it did not train on.
        probabilities: (held rows, K) its predictions for them.
        statistics: per name, (other rows, ...) what its training saw of the rows it trained on.
        features: (n, d) last-layer features of all rows; None where they were not requested.
        further: (m, K) its predictions for the rows without labels; None where there are none.
        seconds: wall time of the training without observations of the last layer as "training", and of each of these
            observations by its name.
    """

    held: np.ndarray
    probabilities: np.ndarray
    statistics: dict[str, np.ndarray]
    features: np.ndarray | None = None
    further: np.ndarray | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Fold({int(self.held.sum()):,} of {len(self.held):,} rows held out)"


def gathered(data: Dataset, found: list[Fold]) -> Evidence:
    """Merge all folds: each row's mean over the networks that did not, or did, train on it.

    Args:
        data: n rows, without truth.
        found: one per network.

    Returns:
        Probabilities averaged over the networks that held the row out, statistics over those that trained on it.
    """
    probabilities = np.zeros((len(data), len(data.classes)))
    totals: dict[str, np.ndarray] = {}
    for part in found:
        probabilities[part.held] += part.probabilities
        for name, values in part.statistics.items():
            totals.setdefault(name, np.zeros((len(data), *values.shape[1:])))[~part.held] += values
    out = np.sum([part.held for part in found], axis=0)
    trained = len(found) - out
    statistics = {name: total / trained.reshape(-1, *[1] * (total.ndim - 1)) for name, total in totals.items()}
    features = next((part.features for part in found if part.features is not None), None)
    others = [part.further for part in found if part.further is not None]
    evidence = Evidence(data.given, len(data.classes), probabilities / out[:, None], features, statistics)
    return evidence.with_further(np.mean(others, axis=0)) if others else evidence
