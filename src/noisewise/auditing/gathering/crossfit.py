"""Cross-fitting: every row is predicted by a network that did not train on it, and watched by those that did."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.copies import copies
from noisewise.auditing.gathering.engines import run_folds
from noisewise.auditing.gathering.last_layer import FEATURES, Looks, check_last_layer, features_of_all
from noisewise.compute import Engine, SerialEngine
from noisewise.data import Dataset, folds
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.training import Config, Method, Training
from noisewise.training.config import seeded
from noisewise.training.observer import Callbacks, Observer, Row

Model = str | nn.Module | Callable[..., nn.Module]


@dataclass(frozen=True, eq=False)
class Fold:
    """What one training of a cross-fitting leaves behind.

    Attributes:
        held: (n,) bool, the rows it did not train on.
        probabilities: (held rows, K) its predictions for them.
        statistics: per name, (other rows, ...) what its training saw of the rows it did train on.
        features: (n, d) of all rows, where they were asked for.
        seconds: of the fold without looks as "training", and of each of the looks that were asked for by its name.
    """

    held: np.ndarray
    probabilities: np.ndarray
    statistics: dict[str, np.ndarray]
    features: np.ndarray | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def cross_fit(
    data: Dataset,
    model: Model,
    method: str | Method,
    config: Config,
    count: int,
    on_progress: Callable[[float], None] | None = None,
    looks: Collection[str] = (),
    engine: Engine | None = None,
    spared: float = 0.0,
) -> Evidence:
    """Out-of-fold probabilities and in-training statistics of every row.

    Row i's probability is predicted by the network of its fold, which never trained on it, averaged over the last
    epochs of the training (see `HeldOut`); its statistics are averaged over the other folds' trainings. Features are
    those of one network, the first fold's at the end of its training, so that all rows lie in one space. Copies lie in
    one fold (see `copies` and `folds`), so that a copied wrong label cannot vouch for itself.

    Args:
        data: without truth. model, method, config: how each network trains. count: how many folds.
        on_progress: told the share of the work that is done.
        looks: what is needed beyond what a training sees by itself (see `looks.needed`).
        engine: what trains the folds; by default one after the other, in this process.
        spared: with three folds or more, the share of the rows that a second network does not train on either, which
            predicts them too: three networks train on 60 % of the rows each with 0.2, in place of two thirds.

    Raises:
        BadInput: fewer than 2 folds, or fewer rows than folds; looks at a model that has no `nn.Linear`.
    """
    if not 2 <= count <= len(data):
        raise BadInput(f"folds={count} must lie between 2 and the number of rows, {len(data)}")
    if looks:
        check_last_layer(data, model)
    held = held_out(data, count, config.seed, spared)
    engine = engine or SerialEngine()
    here, elsewhere = (on_progress, None) if engine.in_process else (None, on_progress)
    work = _Work(held, model, method, config, frozenset(looks), here)
    return gathered(data, run_folds(engine, work, data, count, elsewhere))


def held_out(data: Dataset, count: int, seed: int, spared: float = 0.0) -> np.ndarray:
    """(count, n) bool, the rows that each network does not train on; of copies all or none. See `cross_fit`."""
    groups = copies(data)
    numbers = folds(data.given, count, seed, groups)
    held = numbers == np.arange(count)[:, None]
    if spared and count > 2:
        rows = np.arange(len(data)) if groups is None else groups
        drawn = np.random.default_rng(seeded(seed, "spared")).random(len(data))[rows] < spared
        held |= drawn & ((numbers + 1) % count == np.arange(count)[:, None])
    return held


def one_fold(
    data: Dataset,
    held: np.ndarray,
    fold: int,
    model: Model,
    method: str | Method,
    config: Config,
    on_progress: Callable[[float], None] | None = None,
    looks: Collection[str] = (),
) -> Fold:
    """Train on all rows but those of `held[fold]`, of (folds, n) bool; of the `looks` only fold 0 takes features."""
    began = time.perf_counter()
    out = held[fold]
    parts = replace(data.take(~out), validation=data.take(out), test=None, trusted=None)
    predicting, looking = HeldOut(config.epochs), Looks({*looks} - {FEATURES}, config.epochs)
    settings = replace(config, seed=seeded(config.seed, fold) % 2**31)
    training = Training(
        parts,
        model,
        settings,
        observers=[predicting, looking, Callbacks(on_progress=on_progress)],
        evaluate_from=0 if config.patience else predicting.early,
    )
    build(method if isinstance(method, str) else copy.deepcopy(method))(training)
    rows = data.index[~out]
    statistics = {name: values[rows] for name, values in training.ledger.statistics().items()}
    statistics |= looking.finish(training)
    seconds = {**looking.seconds, "training": time.perf_counter() - began - looking.total}
    features = None
    if fold == 0 and FEATURES in looks:
        began = time.perf_counter()
        features = features_of_all(training, out)
        seconds[FEATURES] = time.perf_counter() - began
    return Fold(out, predicting.probabilities, statistics, features, seconds)


def gathered(data: Dataset, found: list[Fold]) -> Evidence:
    """The evidence of all folds together: means over the networks that did, or did not, train on a row."""
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
    return Evidence(data.given, len(data.classes), probabilities / out[:, None], features, statistics)


@dataclass(frozen=True, eq=False)
class _Work:
    """What an engine calls, wherever it runs."""

    held: np.ndarray
    model: Model
    method: str | Method
    config: Config
    looks: frozenset[str]
    on_progress: Callable[[float], None] | None

    def __call__(self, data: Dataset, fold: int) -> Fold:
        share = self.on_progress and _Share(self.on_progress, fold, len(self.held), self.config.epochs)
        return one_fold(data, self.held, fold, self.model, self.method, self.config, share, self.looks)


class HeldOut(Observer):
    """Averages the predictions for the held-out rows over the last fifth of the epochs.

    The ledger sums the predictions of every evaluation: the sum at the end less that before the last fifth is all it
    takes. Earlier they are asked for only where `patience` may stop the training, and one that stops counts whole.
    """

    def __init__(self, epochs: int) -> None:
        self.early = epochs - math.ceil(epochs / 5)
        self.early_sum: torch.Tensor | float = 0.0
        self.total: torch.Tensor | None = None
        self.count = 0

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Read the sums of the predictions."""
        held = training.ledger.probability_sum[training.split("validation").index].double()
        done = len(training.history) + 1
        if done == self.early:
            self.early_sum = held
        self.total, self.count = held, done
        return {}

    @property
    def probabilities(self) -> np.ndarray:
        """(held-out rows, K) averaged probabilities."""
        assert self.total is not None  # no training ends without a recorded epoch
        if self.count <= self.early:  # stopped early
            return (self.total / self.count).cpu().numpy()
        return ((self.total - self.early_sum) / (self.count - self.early)).cpu().numpy()


class _Share:
    """From the share of an epoch that is done to the share of the whole cross-fitting."""

    def __init__(self, tell: Callable[[float], None], fold: int, count: int, epochs: int) -> None:
        self.tell, self.fold, self.count, self.epochs = tell, fold, count, epochs
        self.epoch = 0

    def __call__(self, share: float) -> None:
        self.tell((self.fold + (self.epoch + share) / self.epochs) / self.count)
        self.epoch += share >= 1
