"""noisewise: train on, audit, corrupt and understand data whose labels you do not fully trust.

import noisewise as nw

data  = nw.load("fashion-mnist")
noisy = nw.corrupt(data, "symmetric:0.4", seed=0)
run   = nw.train(noisy, method="elr", model="lenet", epochs=20, seed=0)
found = nw.audit(noisy)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisewise._version import __version__
from noisewise.threads import settle

settle()

_PLACES = {
    "Dataset": "noisewise.data",
    "load": "noisewise.data",
    "save": "noisewise.data",
    "split": "noisewise.data",
    "subset": "noisewise.data",
    "corrupt": "noisewise.noise",
    "train": "noisewise.run.train",
    "Run": "noisewise.run.result",
    "Experiment": "noisewise.run.experiment",
    "Config": "noisewise.training",
    "Observer": "noisewise.training",
    "audit": "noisewise.auditing.pipeline",
    "Findings": "noisewise.auditing.findings",
    "decide": "noisewise.auditing.review.decide",
    "probe": "noisewise.probes.build",
    "NoisyClassifier": "noisewise.estimators",
    "CleanLearner": "noisewise.estimators",
    "BadInput": "noisewise.errors",
    "Diverged": "noisewise.errors",
    "METHODS": "noisewise.methods",
    "CORRUPTIONS": "noisewise.noise",
    "DETECTORS": "noisewise.auditing.detectors.catalogue",
    "PROBES": "noisewise.probes",
    "OBSERVERS": "noisewise.run.observers",
    "MODELS": "noisewise.models",
    "SOURCES": "noisewise.data.catalogue",
}

_MODULES = ("losses",)

__all__ = [*_PLACES, *_MODULES, "__version__"]

if TYPE_CHECKING:
    from noisewise import losses
    from noisewise.auditing.detectors.catalogue import DETECTORS
    from noisewise.auditing.findings import Findings
    from noisewise.auditing.pipeline import audit
    from noisewise.auditing.review.decide import decide
    from noisewise.data import Dataset, load, save, split, subset
    from noisewise.data.catalogue import SOURCES
    from noisewise.errors import BadInput, Diverged
    from noisewise.estimators import CleanLearner, NoisyClassifier
    from noisewise.methods import METHODS
    from noisewise.models import MODELS
    from noisewise.noise import CORRUPTIONS, corrupt
    from noisewise.probes import PROBES
    from noisewise.probes.build import probe
    from noisewise.run.experiment import Experiment
    from noisewise.run.observers import OBSERVERS
    from noisewise.run.result import Run
    from noisewise.run.train import train
    from noisewise.training import Config, Observer


def __getattr__(name: str) -> Any:
    """Import a public name on first use, which keeps `import noisewise` fast."""
    import importlib
    import sys

    if name in _MODULES:
        return importlib.import_module(f"noisewise.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'noisewise' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
