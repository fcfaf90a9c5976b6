"""Trainings past the point where wrong labels are fitted: what the studies of phases and of stopping share.

A network is trained by SGD with momentum 0.9 at a constant learning rate, without augmentation and weight decay, long
enough to memorise. A tenth of the rows is held out with the labels that they were given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from noisewise.compute import Result, Task
from noisewise.studies.harness.fit import trained_on_drawn

PROBED = "symmetric:0.4"
LOOKED_AT = {"smoke": 64, "cpu": 256, "paper": 1000}
EVERY = {"smoke": 5, "cpu": 4, "paper": 5}
ALL_ROWS = 100_000
NETS = {"smoke": "mlp:128", "cpu": "mlp:512", "paper": "mlp:4096x4096"}
SOURCES = {"smoke": "digits", "cpu": "fashion-mnist", "paper": "fashion-mnist"}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"rows": 300, "tested": 300, "epochs": 30, "batch_size": 32, "lr": 0.1},
    "cpu": {"rows": 2000, "tested": 2000, "epochs": 80, "batch_size": 64, "lr": 0.01},
    "paper": {"rows": None, "tested": None, "epochs": 200, "batch_size": 128, "lr": 0.01},
}


def noisy_fit(scale: str, corrupt: str, seed: int, source: str | None, model: str | None, **others: Any) -> Task:
    """The task of one such training; at the one noise that both studies train on, it is probed.

    Args:
        scale: sets sizes. corrupt: a spec of label noise; a rate of 0 vouches for the labels. seed: of everything.
        source, model: what a person chose, or None. others: settings in the place of those of the scale.

    Raises:
        BadInput: arguments that are no plain data.
    """
    arguments: dict[str, Any] = {
        "source": source or SOURCES[scale],
        "model": model or NETS[scale],
        "corrupt": corrupt,
        "seed": seed,
        "validation": 0.1,
        "schedule": "constant",
        "weight_decay": 0.0,
        "augment": "none",
        **SIZES[scale],
        **others,
    }
    if corrupt == PROBED:
        few, whole = f"examples={LOOKED_AT[scale]},every={EVERY[scale]}", f"examples={ALL_ROWS}"
        gradients = f"gradient-noise:{whole},every={EVERY[scale]}"
        arguments["probe"] = f"label-fit:{whole}+{gradients}+fisher:{few}"
    told = f"{arguments['source']} {corrupt} {arguments['model']} epochs={arguments['epochs']} seed={seed}"
    return Task.of(trained_on_drawn, title=f"follow {told}", **arguments)


def history(result: Result) -> pd.DataFrame:
    """The epochs of a training."""
    found: pd.DataFrame = result["history"]
    return found


def averaged(results: list[Result], column: str) -> np.ndarray:
    """(epochs,) the mean over trainings of a column; NaN where it was not measured."""
    return np.mean([history(item)[column].to_numpy(dtype=float) for item in results], axis=0)
