"""Cross-fitting of networks: every row is predicted by networks that did not train on it, observed by the others."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import nn

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.copies import copies
from noisewise.auditing.gathering.engines import run_folds, suited
from noisewise.auditing.gathering.fold import Fold, gathered
from noisewise.auditing.gathering.further import without_labels
from noisewise.auditing.gathering.last_layer import FEATURES, LastLayerObserver, check_last_layer, features_of_all
from noisewise.auditing.gathering.recipe import augmentation
from noisewise.auditing.gathering.shares import Shares
from noisewise.auditing.progress import SILENT, Progress
from noisewise.compute import Engine, LocalEngine, SerialEngine, Unsendable
from noisewise.data import Dataset, folds
from noisewise.errors import BadInput
from noisewise.methods import build
from noisewise.training import Config, Method, Training
from noisewise.training.config import seeded
from noisewise.training.observer import Callbacks

NUMBER = 6e-7  # counted seconds on one core per input number and epoch: what a small network takes

Model = str | nn.Module | Callable[..., nn.Module]


@dataclass(frozen=True, eq=False)
class CrossFit:
    """How networks are cross-fitted.

    Attributes:
        model: of each network, as for `train`.
        method: how each network trains.
        config: settings of each training; the seed of fold k is derived from its seed and k.
        folds: number of networks; every row is held out by at least one and trained on by at least one.
        spared: share of the rows, with three folds or more, that a second network does not train on either and
            predicts too. With 0.2, three networks train on 60 % of the rows each instead of two thirds.
        last_layer: what to observe of the networks' last layers (see `last_layer.needed`).
    """

    model: Model
    method: str | Method = "ce"
    config: Config = field(default_factory=Config)
    folds: int = 3
    spared: float = 0.0
    last_layer: frozenset[str] = frozenset()


def cross_fit(data: Dataset, fit: CrossFit, engine: Engine | None = None, progress: Progress = SILENT) -> Evidence:
    """Out-of-fold probabilities and in-training statistics of every row.

    A row's probabilities are predicted by the networks that did not train on it, at the end of their trainings; its
    statistics are averaged over the trainings that saw it. Features are those of one network, the first fold's at the
    end of its training, so that all rows lie in one space. Copies of a row lie in one fold (see `copies` and `folds`),
    so that a copied wrong label cannot vouch for itself.

    Args:
        data: n rows, without truth.
        fit: how the networks are trained.
        engine: where the folds are trained; None is this process, one after the other, or, if they take long,
            processes that share its cores (see `suited`).
        progress: reports how much is done.

    Raises:
        BadInput: fewer than 2 folds, fewer rows than folds, or a model without the `nn.Linear` to observe.
    """
    return gathered(data, train_folds(data, fit, range(fit.folds), engine, progress))


def train_folds(
    data: Dataset, fit: CrossFit, chosen: Sequence[int], engine: Engine | None = None, progress: Progress = SILENT
) -> list[Fold]:
    """Some of the trainings of `cross_fit`, with the same result as all of them at once.

    Args:
        data: n rows, without truth.
        fit: how the networks are trained.
        chosen: numbers of the networks.
        engine: as for `cross_fit`.
        progress: of all networks; the share of the chosen ones is reported.

    Raises:
        BadInput: as `cross_fit`.
    """
    if not 2 <= fit.folds <= len(data):
        raise BadInput(f"folds={fit.folds} must lie between 2 and the number of rows, {len(data)}")
    if fit.last_layer:
        check_last_layer(data, fit.model)
    work = FoldWork(fit, held_out(data, fit.folds, fit.config.seed, fit.spared))
    part = progress.part(chosen[0] / fit.folds, len(chosen) / fit.folds)
    if engine is not None:
        return _trained(engine, work, data, chosen, part)
    seconds = NUMBER * float(np.prod(data.inputs.shape)) * fit.config.epochs * fit.folds
    try:
        own = suited(seconds, len(chosen), fit.config.torch_device, fit.folds)
        return _trained(own, work, data, chosen, part)
    except Unsendable:
        return _trained(SerialEngine(), work, data, chosen, part)


def _trained(engine: Engine, work: FoldWork, data: Dataset, chosen: Sequence[int], progress: Progress) -> list[Fold]:
    """Train folds on an engine: of this machine's every step is reported, of another's whole folds."""
    if engine.in_process:
        parts = [progress.part(at / len(chosen), 1 / len(chosen)) for at in range(len(chosen))]
        reports = dict(zip(chosen, parts, strict=True))
        return run_folds(engine, replace(work, reports=reports), data, chosen, None)
    if not isinstance(engine, LocalEngine):
        return run_folds(engine, work, data, chosen, progress)
    with Shares(len(chosen)) as shares:
        reports = {fold: Progress(shares.teller(at)) for at, fold in enumerate(chosen)}
        watched = replace(engine, waiting=lambda: progress(shares.mean()))
        found = run_folds(watched, replace(work, reports=reports), data, chosen, None)
    progress(1.0)
    return found


def held_out(data: Dataset, count: int, seed: int, spared: float = 0.0) -> np.ndarray:
    """Which rows each network does not train on; of copies all or none.

    Args:
        data: n rows.
        count: number of networks.
        seed: random seed.
        spared: share of the rows that a second network does not train on either (see `CrossFit`).

    Returns:
        (count, n) bool.
    """
    groups = copies(data)
    numbers = folds(data.given, count, seed, groups)
    held = numbers == np.arange(count)[:, None]
    if spared and count > 2:
        rows = np.arange(len(data)) if groups is None else groups
        drawn = np.random.default_rng(seeded(seed, "spared")).random(len(data))[rows] < spared
        held |= drawn & ((numbers + 1) % count == np.arange(count)[:, None])
    return held


@dataclass(frozen=True, eq=False)
class FoldWork:
    """Trains one fold, wherever it is called.

    Attributes:
        fit: how the networks are trained.
        held: (folds, n) bool, the rows that each network does not train on.
        reports: by fold, what is told how much of it is done.
    """

    fit: CrossFit
    held: np.ndarray
    reports: Mapping[int, Progress] = field(default_factory=dict)

    def __call__(self, data: Dataset, fold: int) -> Fold:
        """Train network number `fold` on all rows but `held[fold]`; only network 0 computes features."""
        began = time.perf_counter()
        fit, out = self.fit, self.held[fold]
        parts = replace(data.take(~out).alone(), validation=data.take(out).alone(), trusted=data.trusted)
        steps = self.reports.get(fold, SILENT).steps(fit.config.epochs)
        last_layer = LastLayerObserver(fit.last_layer - {FEATURES}, fit.config.epochs)
        training = Training(
            parts,
            fit.model,
            # torch and NumPy accept seeds below 2**31 everywhere
            replace(fit.config, seed=fit.config.seed_of(fold, bits=31), augment=augmentation(fit.config, data)),
            observers=[last_layer, Callbacks(on_progress=steps)],
            # held-out rows are predicted after earlier epochs only where these predictions may stop the training
            evaluate_from=0 if fit.config.patience else fit.config.epochs,
        )
        # a method is a module with a memory, so every fold needs its own
        build(fit.method if isinstance(fit.method, str) else copy.deepcopy(fit.method))(training)
        assert training.predictor is not None  # no training ends without a recorded epoch
        probabilities = training.probabilities(training.predictor, "validation").double().cpu().numpy()
        rows = data.index[~out]
        statistics = {name: values[rows] for name, values in training.ledger.statistics().items()}
        statistics |= last_layer.finish(training)
        seconds = {**last_layer.seconds, "training": time.perf_counter() - began - last_layer.total}
        features = None
        if fold == 0 and FEATURES in fit.last_layer:
            began = time.perf_counter()
            features = features_of_all(training, out)
            seconds[FEATURES] = time.perf_counter() - began
        further = None
        if (rest := without_labels(data)) is not None:
            training.add("unlabelled", rest)
            further = training.probabilities(training.predictor, "unlabelled").double().cpu().numpy()
        return Fold(out, probabilities, statistics, features, further, seconds)
