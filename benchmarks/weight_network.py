"""Which settings of Meta-Weight-Net's weight network V let it learn: chosen here, on MNIST, for use elsewhere.

    python benchmarks/weight_network.py [seed ...]

A perceptron of 128 units, batches of 100 rows, learning rate .02 with a cosine, 200 trusted rows. "short" is 4,000 rows
and 30 epochs (1,200 steps), "long" 10,000 rows and 60 epochs (6,000 steps), "tail" 20,000 rows under `longtail:100`
with 100 trusted rows and 30 epochs. Prints per setting and case the balanced test accuracy after the last epoch and
V at a loss of 2 then, means over seeds.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from noisewise.studies.harness.weighting import GRID, weighted

SETTINGS = {
    "plain": "ce",
    "default": "meta-weight-net",
    "no decay": "meta-weight-net:weight_decay=0.0",
    "decay as a penalty of 1e-4": "meta-weight-net:optimizer=adam,weight_decay=1e-4",
    "decay as a penalty of 1e-3": "meta-weight-net:optimizer=adam,weight_decay=1e-3",
    "decay of 1": "meta-weight-net:weight_decay=1.0",
    "lr 3e-4": "meta-weight-net:lr=3e-4",
    "lr 3e-3": "meta-weight-net:lr=3e-3",
    "lr 0.01": "meta-weight-net:lr=0.01",
    "authors' for ResNet-32": "meta-weight-net:optimizer=adam,weight_decay=1e-4,normalise=false",
    "the same, no decay": "meta-weight-net:optimizer=adam,weight_decay=0.0,normalise=false",
    "the same, lr 0.01": "meta-weight-net:lr=0.01,optimizer=adam,weight_decay=1e-4,normalise=false",
    "the same, lr 0.01, no decay": "meta-weight-net:lr=0.01,optimizer=adam,weight_decay=0.0,normalise=false",
}
SHORT, LONG = {"rows": 4000, "epochs": 30}, {"rows": 10_000, "epochs": 60}
CASES: dict[str, dict[str, Any]] = {
    "short uniform:0.4": {"corrupt": "uniform:0.4", **SHORT},
    "short pair:0.4": {"corrupt": "pair:0.4", **SHORT},
    "long uniform:0.4": {"corrupt": "uniform:0.4", **LONG},
    "long pair:0.4": {"corrupt": "pair:0.4", **LONG},
    "tail": {"corrupt": "longtail:100", "rows": 20_000, "epochs": 30, "trusted": 100},
}
SHARED: dict[str, Any] = {"model": "mlp:128", "tested": 5000, "batch_size": 100, "lr": 0.02, "augment": "none"}


def measure(method: str, seed: int, case: dict[str, Any]) -> tuple[float, float]:
    """Balanced accuracy and V at a loss of 2 after the last epoch; NaN without V."""
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, Any] = {"trusted": 200, **SHARED, **case}
        found = weighted("mnist", Path(folder), method=method, seed=seed, **settings)
    v = np.interp(2.0, GRID, found["curves"][-1]) if "curves" in found else np.nan
    return float(found["recalls"][-1].mean()), float(v)


def main(*seeds: str) -> None:
    """Measure and print."""
    for name, case in CASES.items():
        for setting, method in SETTINGS.items():
            found = np.mean([measure(method, int(seed), case) for seed in seeds or ("0",)], axis=0)
            print(f"{name:18} {setting:30} accuracy {found[0]:.3f}  V(2) {found[1]:.2f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
