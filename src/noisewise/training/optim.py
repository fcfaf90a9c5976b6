"""Optimisers and learning-rate schedules by name: torch's own, with the settings the literature uses."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from noisewise.training.config import Config

RISING, FIRST, LAST = 0.3, 1 / 25, 1e-4  # of one-cycle: share that rises; first rate over peak, last over first


class FusedSGD(torch.optim.SGD):
    """torch's fused SGD without what torch does around the kernel, which takes longer than it for a small network."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move all parameters that have a gradient, to the same bits as torch's SGD.

        Args:
            closure: must be None.
        """
        every = [p for group in self.param_groups for p in group["params"]]
        usual = all(p.grad is not None and "momentum_buffer" in self.state.get(p, ()) for p in every)
        if closure is not None or not usual:
            return super().step(closure)  # the first step, which makes the buffers, among others
        for group in self.param_groups:
            torch._fused_sgd_(
                group["params"],
                [p.grad for p in group["params"]],
                [self.state[p]["momentum_buffer"] for p in group["params"]],
                weight_decay=group["weight_decay"],
                momentum=group["momentum"],
                lr=group["lr"],
                dampening=group["dampening"],
                nesterov=group["nesterov"],
                maximize=group["maximize"],
                is_first_step=False,
            )
        return None

    step.hooked = True  # type: ignore[attr-defined]  # torch wraps any other step into one with hooks and a profiler's range


def build_optimizer(config: Config, params: Iterable[Tensor] | list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser that `config` names, fused.

    Args:
        config: for optimizer, lr, momentum and weight decay.
        params: to optimise, or parameter groups with their own settings, as in torch.
    """
    wanted: list[Any] = list(params)
    name, lr, decay = config.optimizer, config.peak_lr, config.weight_decay
    if name in ("sgd", "nesterov"):
        nesterov = name == "nesterov"
        return FusedSGD(wanted, lr, config.momentum, weight_decay=decay, nesterov=nesterov, fused=True)
    kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
    return kind(wanted, lr, (config.momentum, 0.999), weight_decay=decay, fused=True)


def learning_rate(config: Config, progress: float, epochs: int) -> float:
    """The learning rate at a point of the training.

    `constant`; `cosine` to `least_lr`; `linear` to zero from the first milestone on; `step`: times gamma at each
    milestone; `exponential`: times gamma every epoch. Milestones are shares of the training; a shorter training keeps
    the shape. Over the first `warmup` share the rate rises linearly.

    With `cycles` above 1 `cosine` falls that many times, each time from the peak: the warm restarts of Loshchilov and
    Hutter (SGDR, ICLR 2017, eq. 5) in periods of one length.

    `one-cycle` (Smith and Topin, Super-Convergence, 2018) rises from a 25th of the peak to the peak over the first
    `warmup` share, 0.3 where it is 0, and falls to a 10,000th of where it began, along half a cosine each, as torch's
    OneCycleLR does by default. The momentum stays constant.

    Args:
        config: for lr, least_lr, schedule, cycles, milestones, gamma and warmup.
        progress: share of the training that is done, in [0, 1].
        epochs: number of epochs in all.
    """
    if config.schedule == "one-cycle":
        return config.peak_lr * _one_cycle(progress, config.warmup or RISING)
    rising = min(1.0, progress / config.warmup) if config.warmup > 0 else 1.0
    if config.schedule == "cosine":
        return _between(config.peak_lr, config.least_lr, _of_cycle(progress, config.cycles)) * rising
    if config.schedule == "constant":
        factor = 1.0
    elif config.schedule == "linear":
        start = config.milestones[0] if config.milestones else 0.0
        factor = min(1.0, (1 - progress) / max(1 - start, 1e-12))
    elif config.schedule == "step":
        factor = _power(config.gamma, sum(progress >= milestone for milestone in config.milestones))
    else:  # exponential; 1e-9 keeps whole numbers of epochs from being rounded down
        factor = _power(config.gamma, math.floor(progress * epochs + 1e-9))
    return config.peak_lr * factor * rising


def _power(factor: float, times: int) -> float:
    """The factor to a power; infinite beyond the range of floats, at which the training diverges."""
    try:
        return factor**times
    except OverflowError:
        return math.inf


def momentum(config: Config, progress: float) -> float:
    """The momentum, or Adam's first beta, at a point of the training.

    Args:
        config: for momentum, late_momentum and milestones.
        progress: share of the training that is done, in [0, 1].
    """
    late = config.late_momentum
    return config.momentum if late is None or progress < min(config.milestones, default=1.0) else late


def schedule(optimizer: torch.optim.Optimizer, config: Config, progress: float, epochs: int) -> float:
    """Set the learning rate and the momentum of a point of the training; returns the learning rate.

    Args:
        optimizer: of the networks, by `build_optimizer`.
        config: the settings.
        progress: share of the training that is done, in [0, 1].
        epochs: number of epochs in all.
    """
    lr = learning_rate(config, progress, epochs)
    for group in optimizer.param_groups:
        group["lr"] = lr
        if config.late_momentum is not None:
            beta = momentum(config, progress)
            group.update({"betas": (beta, group["betas"][1])} if "betas" in group else {"momentum": beta})
    return lr


def _of_cycle(progress: float, cycles: int) -> float:
    """Share of the present cycle that is done; 1e-9 keeps the start of a cycle from being rounded into the last one."""
    return progress if cycles == 1 else (progress * cycles + 1e-9) % 1.0


def _one_cycle(progress: float, rising: float) -> float:
    """The rate of the one-cycle schedule as a share of its peak."""
    if progress < rising:
        return _between(FIRST, 1.0, progress / rising)
    return _between(1.0, FIRST * LAST, (progress - rising) / max(1 - rising, 1e-12))


def _between(start: float, end: float, share: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
