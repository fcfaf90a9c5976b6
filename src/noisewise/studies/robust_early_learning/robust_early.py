"""What the studies of CDR share: one network on noisy labels by one method, and how its accuracies are read.

Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, ICLR 2021.
Plain training is CDR with a share of zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from noisewise.compute import Task
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.fit import best, following, last

PAPER = (
    "Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, ICLR"
)
PLAIN = "ce"
SOURCES = {"smoke": "digits", "cpu": "fashion-mnist", "paper": "mnist"}
NETS = {"smoke": "mlp:64", "cpu": "lenet", "paper": "lenet"}
AUTHORS: dict[str, Any] = {
    "epochs": 100,
    "batch_size": 32,
    "lr": 0.01,
    "weight_decay": 1e-3,
    "schedule": "step",
    "milestones": [0.1, 0.2],
    "gamma": 0.1,
}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"rows": 300, "tested": 300, "epochs": 15, "batch_size": 30, "lr": 0.05, "schedule": "cosine"},
    "cpu": {
        "rows": 1200,
        "tested": 1000,
        "epochs": 25,
        "batch_size": 50,
        "lr": 0.05,
        "weight_decay": 1e-3,
        "schedule": "cosine",
    },
    "paper": {"rows": None, "tested": None, **AUTHORS},
}


def spec(tau: float) -> str:
    """The method that moves all but a share `tau` of the weights: CDR, and plain training where it is 0."""
    return f"cdr:tau={tau:g}" if tau else PLAIN


def corruption(rate: float, kind: str = "symmetric") -> str | None:
    """The corruption of a kind that makes so many labels wrong; None for none."""
    return f"{kind}:{rate:g}" if rate else None


def trained(
    scale: str, rate: float, method: str, seed: int, source: str | None, model: str | None, **changed: Any
) -> Task:
    """One training under symmetric noise.

    Args:
        scale: of the study. rate: of noise. method: its spec. seed: of everything random.
        source, model: what a person chose; None takes those of the scale.
        changed: settings that differ from those of the scale.
    """
    return following(
        source=source or SOURCES[scale],
        corrupt=corruption(rate),
        method=method,
        model=model or NETS[scale],
        seed=seed,
        **{**SIZES[scale], **changed},
    )


def best_of(results: Results) -> float:
    """The mean over runs of the best epoch's test accuracy; NaN where there are no runs."""
    return float(np.mean([best(item) for item in results])) if len(results) else float("nan")


def last_of(results: Results, column: str = "test_accuracy") -> float:
    """The mean over runs of the last epoch's test accuracy, or another column's.

    NaN where there are no runs, and where one has no such column, as `noisy_fit` without wrong labels.
    """
    if not len(results) or any(column not in item["history"] for item in results):
        return float("nan")
    return float(np.mean([last(item, column=column) for item in results]))
