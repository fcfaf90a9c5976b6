"""Optimisers and learning-rate schedules by name: torch's own, with the settings the literature uses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from noisewise.errors import BadInput, nearest

if TYPE_CHECKING:
    from noisewise.training.config import Config

OPTIMIZERS = ("sgd", "nesterov", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "step", "linear", "exponential")


def build_optimizer(config: Config, params: Iterable[Tensor]) -> torch.optim.Optimizer:
    """The optimiser that `config` names, over `params`; fused.

    Raises:
        BadInput: an unknown name.
    """
    name, wanted = config.optimizer, list(params)
    if name in ("sgd", "nesterov"):
        return torch.optim.SGD(
            wanted,
            config.peak_lr,
            config.momentum,
            weight_decay=config.weight_decay,
            nesterov=name == "nesterov",
            fused=True,
        )
    if name in ("adam", "adamw"):
        kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
        return kind(wanted, config.peak_lr, (config.momentum, 0.999), weight_decay=config.weight_decay, fused=True)
    raise BadInput(f"unknown optimizer {name!r}{nearest(name, OPTIMIZERS)}; known: {', '.join(OPTIMIZERS)}")


def learning_rate(config: Config, progress: float, epochs: int) -> float:
    """The learning rate after the share `progress` of `epochs`.

    `constant`; `cosine` to zero; `linear` to zero from the first milestone on; `step`: times gamma at each milestone;
    `exponential`: times gamma every epoch. Milestones are shares of the training, so that a shorter training keeps
        the shape.
    The first `warmup` share rises linearly.

    Raises:
        BadInput: an unknown schedule.
    """
    if config.schedule == "constant":
        factor = 1.0
    elif config.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * progress))
    elif config.schedule == "linear":
        start = config.milestones[0] if config.milestones else 0.0
        factor = min(1.0, (1 - progress) / (1 - start))
    elif config.schedule == "step":
        factor = config.gamma ** sum(progress >= milestone for milestone in config.milestones)
    elif config.schedule == "exponential":
        factor = config.gamma ** math.floor(progress * epochs + 1e-9)
    else:
        name = config.schedule
        raise BadInput(f"unknown schedule {name!r}{nearest(name, SCHEDULES)}; known: {', '.join(SCHEDULES)}")
    rising = min(1.0, progress / config.warmup) if config.warmup > 0 else 1.0
    return config.peak_lr * factor * rising
