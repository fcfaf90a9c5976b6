"""The data of a campaign: read once per process, corrupted once per seed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from noisewise.data import Dataset, load, subset
from noisewise.data.named.finder import Finder
from noisewise.data.readers import npz
from noisewise.run.experiment import Experiment
from noisewise.training import Config

SMALL = "fashion-mnist-10000"


@lru_cache(maxsize=4)
def loaded(source: str) -> Dataset:
    """A source by its name. `fashion-mnist-10000` has 10,000 stratified training rows, the same for all seeds."""
    if source != SMALL:
        return load(source)
    packed = Finder.standard(download=False).find(f"{SMALL}.npz")
    return small() if packed is None else read_small(packed)


def small() -> Dataset:
    """10,000 training rows and all test rows of Fashion-MNIST: those of `Experiment(rows=10000)` with seed 0."""
    drawn = subset(load("fashion-mnist"), 10_000, seed=0)
    return replace(drawn, name=SMALL, index=np.arange(len(drawn)))


def read_small(path: Path) -> Dataset:
    """The same rows from a packed file, in the same order."""
    return replace(npz.read_npz(path), name=SMALL)


@lru_cache(maxsize=64)
def noisy(source: str, corrupt: str | None, rows: int | None, tested: int | None, seed: int) -> Dataset:
    """Rows of a source with noise, before they are split: what a cell of this seed trains on."""
    whole = Experiment(source, corrupt=corrupt, rows=rows, tested=tested, config=Config(seed=seed, validation=0.0))
    return whole.data(loaded(source))
