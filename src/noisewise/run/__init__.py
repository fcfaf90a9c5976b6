"""One training as a value: an `Experiment` runs to a `Run`; `train` does both from keywords."""

from __future__ import annotations

from noisewise.run.experiment import Experiment
from noisewise.run.observers import OBSERVERS
from noisewise.run.result import Run
from noisewise.run.train import train

__all__ = ["OBSERVERS", "Experiment", "Run", "train"]
