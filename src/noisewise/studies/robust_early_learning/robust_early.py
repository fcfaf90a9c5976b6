"""Shared by the studies of robust early learning: names of methods and noise, and how accuracies are read.

Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, ICLR 2021.
Plain training is CDR with a share of zero.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from noisewise.studies.frame.results import Results

PLAIN = "ce"
_ENDS = ("train_accuracy", "noisy_fit")


def spec(tau: float) -> str:
    """The method that moves all but a share `tau` of the weights: CDR, and plain training where it is 0."""
    return f"cdr:tau={tau:g}" if tau else PLAIN


def corruption(rate: float, kind: str = "symmetric") -> str | None:
    """The corruption of a kind that makes so many labels wrong; None for a rate of 0."""
    return f"{kind}:{rate:g}" if rate else None


def accuracies(results: Results) -> pd.DataFrame:
    """The table of trainings with summaries of their histories; NaN where a history lacks the column.

    `best` is the highest test accuracy of all epochs, and `best_epoch` the first epoch, from 1, that has it. `last`,
    `train_accuracy` (on the given labels) and `noisy_fit` (of wrong labels) are those of the last epoch.
    """
    runs = results.of("curve").table
    histories = runs["history"]
    tests = histories.map(lambda history: history["test_accuracy"].to_numpy())
    ends = {name: histories.map(lambda h, name=name: h[name].iloc[-1] if name in h else math.nan) for name in _ENDS}
    return runs.assign(
        best=tests.map(np.max), best_epoch=tests.map(np.argmax) + 1, last=tests.map(lambda values: values[-1]), **ends
    )
