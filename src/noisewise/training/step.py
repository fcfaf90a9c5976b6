"""One training step, and one epoch of steps.

Everything that training changes (networks, memories, statistics) changes here or in `refit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from noisewise.errors import Diverged
from noisewise.training.batch import Batch, Clock, cross_entropy_of
from noisewise.training.config import Config
from noisewise.training.ledger import Ledger
from noisewise.training.method import Gradients, Method, Regrad, changes
from noisewise.training.networks import Learner, Networks, stateless_forward
from noisewise.training.optim import schedule
from noisewise.training.streams import Streams


class SupportsStep(Protocol):
    """The part of an optimiser's interface that a step uses."""

    def step(self) -> object: ...


def compute_objective(
    nets: Networks, method: Method, batch: Batch, params: Mapping[str, Tensor] | None = None
) -> tuple[Batch, Tensor]:
    """Forward pass, then the pure stations: target, loss, weight, penalty.

    Args:
        nets: the networks.
        method: the method or chain.
        batch: as edited, without logits.
        params: evaluate the networks statelessly at these parameters; None is the step's own forward pass, the only one
            that updates normalisation statistics and advances the random number generator.

    Returns:
        The batch with logits (N, B, K), targets, loss (N, B) and weights; and the objective, a scalar: the mean over
        the batch of weight times loss, summed over networks, plus penalties.
    """
    return objective_of(
        method, batch, nets(batch.x) if params is None else stateless_forward(nets, batch.x, params=params)
    )


def objective_of(method: Method, batch: Batch, logits: Tensor) -> tuple[Batch, Tensor]:
    """Apply the pure stations to given logits.

    Args:
        method: the method or chain.
        batch: as edited.
        logits: (N, B, K).

    Returns:
        What `compute_objective` returns.
    """
    # A step of a small network takes as long as some hundred operations: it has none that changes nothing.
    batch = replace(batch, logits=logits)
    if changes(method, "target"):
        batch = replace(batch, y=method.target(batch))
    loss = losses_of(method, batch)
    batch = replace(batch, loss=loss)
    if changes(method, "weight"):
        batch = replace(batch, w=method.weight(batch))
    weighted, penalty = batch.w * loss if batch.weighted else loss, method.penalty(batch)
    objective = weighted.mean() if len(weighted) == 1 and weighted.ndim == 2 else weighted.mean(dim=-1).sum()
    return batch, objective if isinstance(penalty, float) and penalty == 0.0 else objective + penalty


def losses_of(method: Method, batch: Batch) -> Tensor:
    """(N, B) losses of a method, given a batch with logits and targets: cross entropy where it defines none."""
    return method.loss(batch) if changes(method, "loss") else cross_entropy_of(batch)


def step(
    nets: Networks,
    method: Method,
    optimizer: SupportsStep,
    batch: Batch,
    rng: torch.Generator,
    *,
    clip_norm: float | None = None,
    check: Callable[[Tensor, Clock], None] | None = None,
    params: dict[str, Tensor] | None = None,
    joint: list[Tensor] | None = None,
) -> Batch:
    """Train on one batch.

    Args:
        nets: the networks, in training mode.
        method: the method or chain.
        optimizer: over the networks' trainable parameters and the method's joint ones.
        batch: as drawn from the data.
        rng: random number generator of edits.
        clip_norm: largest norm of the networks' gradient, or None.
        check: called with the objective and the clock before the optimiser steps; default: `check_finite`, which on a
            GPU waits for the device.
        params: `nets.trainable()`, where the caller has it from an earlier step; finding it takes as long as several
            operations.
        joint: `method.joint_parameters()`, likewise.

    Returns:
        The batch with logits, targets, losses and weights, detached, as `observe` saw it.

    Raises:
        Diverged: the objective is not finite; the optimiser has not stepped.
    """
    corrects = changes(method, "gradient")
    draws = random_state(batch.x.device) if corrects else None
    params, joint = params or nets.trainable(), method.joint_parameters() if joint is None else joint
    if changes(method, "edit"):
        with torch.no_grad():
            batch = method.edit(batch, nets, rng)
    if changes(method, "run"):
        batch = method.run(batch, nets, params)
        evaluated, objective = objective_of(method, batch, batch.scores)
    else:
        evaluated, objective = compute_objective(nets, method, batch)
    moved = [*params.values(), *joint]
    for parameter in moved:
        parameter.grad = None  # so that the backward pass can take this memory
    pulled = _gradients(objective, moved)
    (check or check_finite)(objective.detach(), batch.clock)
    evaluated = detached(evaluated)
    with torch.no_grad():
        gradients = dict(zip(params, pulled, strict=False))
        if corrects:
            gradients = method.gradient(gradients, params, regrad_of(nets, method, batch, draws), evaluated)
        if clip_norm is not None:
            clip(list(gradients.values()), clip_norm)
        for name, parameter in params.items():  # set, not accumulated: no zero_grad is needed
            parameter.grad = gradients[name]
        for parameter, gradient in zip(joint, pulled[len(params) :], strict=True):
            # Fused optimisers on a GPU need gradients with the strides of their parameters.
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        optimizer.step()
        method.observe(evaluated)
    return evaluated


def regrad_of(nets: Networks, method: Method, batch: Batch, draws: Tensor | None) -> Regrad:
    """From other parameters to the gradient there, on the same batch with the same random numbers.

    Args:
        nets: the networks, in training mode.
        method: the method or chain.
        batch: as edited.
        draws: the random state before the step's forward pass.
    """
    return _Regrad(nets, method, batch, draws)


@dataclass(frozen=True, eq=False)
class _Regrad:
    nets: Networks
    method: Method
    batch: Batch
    draws: Tensor | None

    def __call__(self, at: Gradients) -> Gradients:
        with self._objective(at) as (here, objective):
            return dict(zip(here, _gradients(objective, list(here.values())), strict=True))

    def curved(self, at: Gradients, directions: Sequence[Gradients]) -> list[Gradients]:
        with self._objective(at) as (here, objective):
            wanted = list(here.values())
            gradients = torch.autograd.grad(
                objective, wanted, create_graph=True, allow_unused=True, materialize_grads=True
            )
            bent = [name for name, g in zip(here, gradients, strict=True) if g.requires_grad]
            own = dict(zip(here, gradients, strict=True))
            found = []
            for direction in directions:
                along = torch.stack([(own[name] * direction[name]).sum() for name in bent]).sum()
                products = torch.autograd.grad(
                    along, wanted, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                found.append(dict(zip(here, products, strict=True)))
        return found

    @contextmanager
    def _objective(self, at: Gradients) -> Iterator[tuple[Gradients, Tensor]]:
        here = {name: p.detach().requires_grad_() for name, p in at.items()}
        device = self.batch.x.device
        with torch.random.fork_rng(_cuda(device)), torch.enable_grad():
            if self.draws is not None:
                set_random_state(self.draws, device)  # the same dropout masks as in the first pass
            yield here, compute_objective(self.nets, self.method, self.batch, here)[1]


def detached(evaluated: Batch) -> Batch:
    """A batch after the stations, without its graph."""
    y, w = evaluated.y, evaluated.w
    return replace(
        evaluated,
        y=y.detach() if y.requires_grad else y,
        w=w.detach() if w.requires_grad else w,
        logits=evaluated.scores.detach(),
        loss=evaluated.losses.detach(),
    )


def check_finite(objective: Tensor, clock: Clock) -> None:
    """Raise `Diverged` when an objective is infinite or NaN."""
    value = objective.item()
    if not math.isfinite(value):
        raise Diverged(
            f"the loss became {value} in epoch {clock.epoch + 1}, step {clock.step + 1}: "
            "a smaller learning rate usually helps"
        )


class LateCheck:
    """Collects objectives and checks them together, so that no step waits for the device.

    With a whole epoch in between, a device may step on from weights that are no longer finite; `finish` then raises
    for the first step that was not.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[Tensor, Clock]] = []

    def __call__(self, objective: Tensor, clock: Clock) -> None:
        """Remember an objective and where it belongs."""
        self._seen.append((objective, clock))

    def finish(self) -> None:
        """Check all objectives since the last call.

        Raises:
            Diverged: one is not finite.
        """
        seen, self._seen = self._seen, []
        if seen and not torch.isfinite(torch.stack([objective for objective, _ in seen])).all():
            for objective, clock in seen:
                check_finite(objective, clock)


def _gradients(objective: Tensor, wanted: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(objective, wanted, allow_unused=True, materialize_grads=True)


def clip(gradients: list[Tensor], largest: float) -> None:
    """Scale gradients in place, such that their common norm is at most `largest`."""
    norm = get_total_norm(gradients)
    torch._foreach_mul_(gradients, torch.clamp(largest / (norm + 1e-6), max=1.0))


def _cuda(device: torch.device) -> list[int]:
    return [device.index or 0] if device.type == "cuda" else []


def random_state(device: torch.device) -> Tensor:
    """The state of torch's own generator for a device."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_random_state(state: Tensor, device: torch.device) -> None:
    """Restore what `random_state` returned."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def train_epoch(
    config: Config,
    learner: Learner,
    method: Method,
    streams: Streams,
    ledger: Ledger,
    joint: torch.optim.Optimizer | None = None,
) -> Iterator[float]:
    """Train a learner for one epoch, step by step.

    Order, augmentation and the method's random numbers depend only on the seed, the learner's name and its epoch.

    Args:
        config: the settings.
        learner: its weights and optimiser are updated; `epochs_done` is not.
        method: the method or chain.
        streams: the batches.
        ledger: observes every step.
        joint: the optimiser of the method's own parameters.

    Yields:
        After every step the share of the epoch that is done.

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
    late = LateCheck() if streams.drawn.device.type != "cpu" else None
    known = ledger.knows(streams.drawn.index)
    take_step = partial(
        step, clip_norm=config.clip_norm, check=late, params=learner.nets.trainable(), joint=method.joint_parameters()
    )
    ledger.flush()  # what an epoch left that diverged, if a recipe goes on after it
    for number, batch in enumerate(streams.epoch(order_rng)):
        done = (learner.epochs_done + number / streams.steps) / epochs
        lr = schedule(learner.optimizer, config, done, epochs)
        timed = replace(batch, clock=Clock(learner.epochs_done, epochs, number, streams.steps, lr))
        stepped = take_step(learner.nets, method, optimizer, timed, edit_rng)
        ledger.observe(stepped, known=known and stepped.index is batch.index)  # an edit may have added other rows
        yield (number + 1) / streams.steps
    if late is not None:
        late.finish()
    check_weights(learner)


def check_weights(learner: Learner) -> None:
    """Raise `Diverged` when a weight is infinite or NaN."""
    if not torch.stack([torch.isfinite(p).all() for p in learner.nets.parameters()]).all():
        raise Diverged(f"a weight is no longer finite after epoch {learner.epochs_done + 1}: lower the learning rate")


def total_epochs(config: Config, learner: Learner) -> int:
    """Number of epochs in a learner's schedule: its own or the config's, or more where a recipe trains longer."""
    return max(learner.epochs or config.epochs, learner.epochs_done + 1)


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
