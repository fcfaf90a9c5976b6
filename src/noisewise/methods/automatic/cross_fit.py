"""Cross-fitting inside a recipe: every row is predicted by small trainings that have not seen its label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noisewise.data import folds
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.models import card_of, recipe_of
from noisewise.training.config import Config, seeded
from noisewise.training.method import Method
from noisewise.training.observer import Callbacks, Observer
from noisewise.training.recipe import single
from noisewise.training.trainer import Training

SPARED = 0.2  # share of the rows that a second of three networks does not train on either, as in an audit
FEWEST_STEPS = 20  # per epoch, where the batches of small data are made smaller for it
# As the audit trains its networks, where the user states no optimiser of their own.
FROM_SCRATCH: Mapping[str, Any] = {"optimizer": "adamw", "lr": 0.012, "weight_decay": 0.5, "batch_size": 64}


def cross_fitted(
    training: Training,
    count: int,
    epochs: int,
    number: int,
    method: Callable[[], Method] = CrossEntropy,
) -> Tensor:
    """Predict every training and validation row by networks that did not train on it.

    Args:
        training: whose training rows are divided; its networks are not touched.
        count: number of networks, each of which holds out a part of the rows.
        epochs: of each network, in one cycle of the learning rate.
        number: of the round, which with the seed decides initial weights and order. All rounds have the same parts.
        method: makes the method by which each network trains.

    Returns:
        (rows, K) mean probabilities by index; zeros for indices that are not in either split.
    """
    held = held_out(training.data.given, count, training.config.seed_of("auto"))

    def compute() -> Tensor:
        total = torch.zeros(training.task.rows, training.classes)
        for fold, out in enumerate(held):
            total += _fold(training, out, epochs, (number, fold), method)
        return total

    found: Tensor = training.memoize(f"round {number}", compute)
    return found / found.sum(dim=1, keepdim=True).clamp_min(1e-12)


def held_out(given: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(count, n) bool, which of n rows each network does not train on.

    Args:
        given: (n,) labels, over which the parts are balanced.
        count: number of networks.
        seed: random seed.
    """
    numbers = folds(given, count, seed)
    held: np.ndarray = numbers == np.arange(count)[:, None]
    if count > 2:
        spared = np.random.default_rng(seeded(seed, "spared")).random(len(given)) < SPARED
        held |= spared & ((numbers + 1) % count == np.arange(count)[:, None])
    return held


def fold_config(training: Training, rows: int, epochs: int, *name: int) -> Config:
    """The settings of one network: one cycle, by the audit's optimiser or by the user's where one is stated."""
    config, stated = training.config, training.config.stated()
    recipe_of_card = recipe_of(training.model)
    follows_card = bool(recipe_of_card) and config == replace(config, **recipe_of_card)
    own = brings_weights(training.model) or (not follows_card and ("lr" in stated or "optimizer" in stated))
    small = max(8, min(64, rows // FEWEST_STEPS))
    recipe: dict[str, Any] = (
        {"batch_size": min(config.batch_size, small)} if own else {**FROM_SCRATCH, "batch_size": small}
    )
    seed = config.seed_of("auto", *name, bits=31)
    ends: dict[str, Any] = {
        "schedule": "one-cycle",
        "warmup": 0.0,
        "select": "last",
        "patience": None,
        "validation": 0.0,
    }
    return replace(config, epochs=epochs, seed=seed, **ends, **recipe)


def brings_weights(model: Any) -> bool:
    """Whether training begins at weights that are not random: a module, or a model pretrained on images."""
    if isinstance(model, torch.nn.Module):
        return True
    card = card_of(model)
    return card is not None and card.mean is not None


def _fold(
    training: Training,
    out: np.ndarray,
    epochs: int,
    name: tuple[int, int],
    method: Callable[[], Method],
) -> Tensor:
    data = training.data
    inner = Training(
        data.take(~out).alone(),
        training.model,
        fold_config(training, int((~out).sum()), epochs, *name),
        observers=[Callbacks(on_progress=partial(_tell, training.observers))],
        normalise=training.rows.normalise,
    )
    single(inner, method())
    training.include(inner)
    found = torch.zeros(training.task.rows, training.classes)
    unseen = {"held out": data.take(out), "validation rows": data.validation}
    assert inner.predictor is not None  # `single` records its epochs
    for split, part in unseen.items():
        if part is not None and len(part):
            inner.add(split, part.alone())
            found[torch.as_tensor(part.index)] = inner.probabilities(inner.predictor, split).float().cpu()
    return found


def _tell(observers: Sequence[Observer], share: float) -> None:
    for observer in observers:
        observer.during_epoch(share)
