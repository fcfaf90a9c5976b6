"""How networks are trained for evidence where nobody says otherwise: one cycle, which suits few epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from noisewise.auditing.gathering.classifiers import is_named_or_classifier
from noisewise.data import Dataset
from noisewise.models import card_of
from noisewise.training.config import Config, configured

EPOCHS = 10
# Chosen by the held-out loss of given labels, by benchmarks/pool/audit_networks.py.
FROM_SCRATCH: Mapping[str, Any] = {
    "schedule": "one-cycle",
    "optimizer": "adamw",
    "lr": 0.012,
    "weight_decay": 0.5,
    "batch_size": 64,
}
OWN = ("schedule", "optimizer", "lr")  # who states one of them has a recipe of their own


def training_config(model: Any, epochs: int | None, seed: int, settings: Mapping[str, Any]) -> Config:
    """The settings of each training of a cross-fitting.

    Networks that start from random weights follow `FROM_SCRATCH`, unless the settings state a schedule, an optimiser or
    a learning rate. Pretrained models and modules, which bring their weights, have the defaults of `Config`.

    Args:
        model: as for `train`; None is a network from scratch.
        epochs: of each network; None is 10.
        seed: random seed.
        settings: further fields of `Config` by name.

    Raises:
        BadInput: an unknown name, or a value outside its range.
    """
    card = None if is_named_or_classifier(model) else card_of(model)
    brings_weights = isinstance(model, nn.Module) or (card is not None and card.mean is not None)
    own = brings_weights or any(name in settings for name in OWN)
    recipe: Mapping[str, Any] = {} if own else FROM_SCRATCH
    return configured(EPOCHS if epochs is None else epochs, seed, {**recipe, **settings})


def augmentation(config: Config, data: Dataset) -> str:
    """The setting `augment` of each training: of what "auto" stands for, only that for CIFAR.

    The constants of the judgement were chosen, and audits measured, with such networks.

    Args:
        config: the settings as stated.
        data: the rows.
    """
    measured = data.kind != "image" or data.shape == (32, 32, 3)
    return config.augment if measured or config.augment != "auto" else "none"
