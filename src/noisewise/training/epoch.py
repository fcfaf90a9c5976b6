"""One epoch: every batch through `step`, with the learning rate of its place in the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from noisewise.errors import Diverged
from noisewise.training.batch import Clock
from noisewise.training.config import Config
from noisewise.training.ledger import Ledger
from noisewise.training.method import Method
from noisewise.training.networks import Learner
from noisewise.training.optim import schedule
from noisewise.training.step import LateCheck, SupportsStep, step
from noisewise.training.streams import Streams


def train_epoch(
    config: Config,
    learner: Learner,
    method: Method,
    streams: Streams,
    ledger: Ledger,
    joint: torch.optim.Optimizer | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Train a learner for one epoch.

    Order, augmentation and the method's random numbers depend only on the seed, the learner's name and its epoch.

    Args:
        config: the settings.
        learner: its weights and optimiser are updated; `epochs_done` is not.
        method: the method or chain.
        streams: the batches.
        ledger: observes every step.
        joint: the optimiser of the method's own parameters.
        progress: called after every step with the share of the epoch that is done.

    Raises:
        Diverged: a loss or a weight is not finite.
    """
    seed = config.seed_of(learner.name, learner.epochs_done)
    torch.manual_seed(seed)
    order_rng, edit_rng = torch.Generator().manual_seed(seed + 1), torch.Generator().manual_seed(seed + 2)
    optimizer: SupportsStep = Together(learner.optimizer, joint) if joint else learner.optimizer
    learner.nets.train()
    method.train()
    epochs = total_epochs(config, learner)
    # On a GPU nothing in a step may wait for the device: what would is done once an epoch.
    late = LateCheck() if streams.drawn.device.type == "cuda" else None
    known = ledger.knows(streams.drawn.index)
    take_step = partial(step, clip_norm=config.clip_norm, check=late, params=learner.nets.trainable())
    for number, batch in enumerate(streams.epoch(order_rng)):
        done = (learner.epochs_done + number / streams.steps) / epochs
        lr = schedule(learner.optimizer, config, done, epochs)
        timed = replace(batch, clock=Clock(learner.epochs_done, epochs, number, streams.steps, lr))
        stepped = take_step(learner.nets, method, optimizer, timed, edit_rng)
        ledger.observe(stepped, known=known and stepped.index is batch.index)  # an edit may have added other rows
        progress((number + 1) / streams.steps)
    if late is not None:
        late.finish()
    if not torch.stack([torch.isfinite(p).all() for p in learner.nets.parameters()]).all():
        raise Diverged(f"a weight is no longer finite after epoch {learner.epochs_done + 1}: lower the learning rate")


def total_epochs(config: Config, learner: Learner) -> int:
    """Number of epochs in a learner's schedule: those of the config, or more where a recipe trains longer."""
    return max(config.epochs, learner.epochs_done + 1)


class Together:
    """Optimisers that step together: the networks' and that of a method's own parameters.

    Args:
        *optimizers: in the order in which they step.
    """

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers

    def step(self) -> None:
        """Step all."""
        for optimizer in self.optimizers:
            optimizer.step()
