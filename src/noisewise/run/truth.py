"""What a training does with right and with wrong labels, where the truth is known."""

from __future__ import annotations

import numpy as np

from noisewise.data import Dataset
from noisewise.training.method import Method
from noisewise.training.observer import Observer, Row
from noisewise.training.trainer import Training


class TruthObserver(Observer):
    """Measures after each epoch what needs the true labels, which the training does not see.

    `clean_fit`, `noisy_fit`: share of the correctly and wrongly labelled training rows whose prediction is the given
        label;
    `noisy_recovered`: share of the wrongly labelled rows predicted as their true class by the averaged prediction;
    `label_precision`, `label_recall`: of the method's selection, when it selects. Empty where the truth is not known.
    """

    def __init__(self, data: Dataset) -> None:
        self.truth: np.ndarray | None = None
        if data.truth is not None:
            self.truth = np.full(data.capacity, -1, dtype=np.int64)
            self.truth[data.index] = data.truth

    def after_epoch(self, training: Training, method: Method) -> Row:
        """The columns above, after an epoch."""
        if self.truth is None:
            return {}
        ledger = training.ledger
        given = ledger.given.cpu().numpy()[: len(self.truth)]
        known = (given >= 0) & (self.truth >= 0)
        clean = given == self.truth
        fits = ledger.was_right.cpu().numpy()[: len(self.truth)]
        believed = ledger.believed().cpu().numpy()[: len(self.truth)]
        row: Row = {
            "clean_fit": _mean(fits[known & clean]),
            "noisy_fit": _mean(fits[known & ~clean]),
            "noisy_recovered": _mean((believed == self.truth)[known & ~clean]),
        }
        kept = method.selection()
        if kept is not None:
            share = kept.cpu().numpy()[: len(self.truth)]
            row["label_precision"] = float(share[known & clean].sum() / max(share[known].sum(), 1e-12))
            row["label_recall"] = _mean(share[known & clean])
        return row


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
