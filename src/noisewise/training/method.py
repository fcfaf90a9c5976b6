"""A Method acts at the stations of a training step; a Chain of methods is a method too.

    edit -> (forward) -> target -> loss -> weight -> penalty -> (backward) -> gradient -> (optimiser) -> observe
                                                                       between epochs: refit

Parameters of a method can be learned; its buffers are its memory. A method defines only the stations it changes.
`target`, `loss`, `weight` and `penalty` are pure: called twice they return the same and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

from noisewise.bounds import Bounded, name_of
from noisewise.errors import BadInput
from noisewise.training.batch import Batch
from noisewise.training.config import Config
from noisewise.training.ledger import Ledger
from noisewise.training.networks import Networks, first_network

STATIONS = ("edit", "run", "target", "loss", "weight", "penalty", "gradient")

Gradients = dict[str, Tensor]


class Regrad(Protocol):
    """Derivatives of a step's objective at other parameters, on the same batch with the same random numbers."""

    def __call__(self, at: Gradients) -> Gradients:
        """The gradient at these parameters, by name."""

    def curved(self, at: Gradients, directions: Sequence[Gradients]) -> list[Gradients]:
        """The Hessian at these parameters times each direction: one forward pass, and 1 + 2 n backward ones for n."""


@dataclass(frozen=True)
class MethodCard:
    """Description of a method in the catalogue.

    Attributes:
        name: as in the catalogue.
        idea: two sentences.
        paper: authors, title, venue.
        year: of publication.
        equation: the central equation, as text.
        forwards: forward passes through one network per training row; 1 for `ce`.
        backwards: backward passes, likewise; each costs about two forward ones (see `relative_cost`).
        stations: the stations it changes; filled in from the class for a Method, stated for a recipe.
        networks: how many networks train.
        needs_trusted: whether it needs trusted rows.
        departures: where this implementation departs from the paper, and the named options that offer quirks.
    """

    name: str
    idea: str
    paper: str
    year: int
    equation: str = ""
    forwards: float = 1.0
    backwards: float = 1.0
    stations: tuple[str, ...] = ()
    networks: int = 1
    needs_trusted: bool = False
    departures: str = "none known"

    @property
    def relative_cost(self) -> float:
        """Cost of training relative to cross entropy, counting a backward pass as two forward ones."""
        return round((self.forwards + 2 * self.backwards) / 3, 2)


@dataclass(frozen=True, eq=False)
class LearningTask:
    """What a method may know before training: sizes and given labels, never the truth.

    Attributes:
        rows: number of rows a memory must hold (one more than the largest index).
        classes: K.
        given: (rows,) int64 given labels by index; -1 for indices that are not in the training split.
        epochs: number of epochs of the training.
        noise_rate: the noise rate, if the user states it; with None, methods estimate what they need.
        networks: N, the number of networks that train together.
        box: smallest and largest value that a prepared image can take, each (C, 1, 1); None for other data.
        steps: number of steps of one epoch over all training rows; None where it is not known.
        config: settings of the training; None where another program trains.
    """

    rows: int
    classes: int
    given: Tensor = field(repr=False)
    epochs: int = 1
    noise_rate: float | None = None
    networks: int = 1
    box: tuple[Tensor, Tensor] | None = field(default=None, repr=False)
    steps: int | None = None
    config: Config | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class EpochEnd:
    """What a method may use between epochs: the networks and the whole training split, never the truth.

    Attributes:
        nets: the networks.
        epoch: the 0-based epoch just finished.
        epochs: number of epochs in all.
        passes: every training row once, not augmented, in evaluation mode, as batches with logits (N, B, K).
        ledger: statistics of every row over the training so far.
    """

    nets: Networks = field(repr=False)
    epoch: int
    epochs: int
    passes: Callable[..., Iterator[Batch]] = field(repr=False)
    ledger: Ledger


@dataclass(frozen=True, eq=False)
class Decision:
    """What a recipe found out about the labels, and what it therefore did.

    Attributes:
        said: the decision and its reasons, in a few sentences.
        noise_rate: estimated share of wrong labels; None where it was not estimated.
        interval: 90 % interval of the noise rate.
        unseen: (rows, K) predictions, by index, by networks that have not seen the row's label; None where there are
            none. They replace what the training itself predicts when rows are judged at its end.
    """

    said: str
    noise_rate: float | None = None
    interval: tuple[float, float] | None = None
    unseen: Tensor | None = field(default=None, repr=False)


class Method(Bounded, nn.Module):
    """A way to train under label noise. The base class changes no station: it is plain cross entropy.

    Class attributes:
        card: the catalogue's entry.
        bounds: the legal values of its options, by name (see `noisewise.bounds`).
        networks: number of networks that it trains together; None for any number.
        mixes_rows: its edit mixes rows of the data set with each other (and removes the index).
        remembers_rows: it keeps a memory per row, and thus needs the index.
        auxiliary: names of splits, such as "trusted"; an auxiliary batch of each is drawn along with every batch.
        predicts_rows: its refit predicts all training rows (`EpochEnd.passes`).
        joint_lr: learning rate of its own parameters, if the training objective trains them; None is the networks'.
            It stays constant, and there is no weight decay. In a chain every part has its own.
        joint_optimizer: optimiser of its own parameters, as in `Config`; None is the networks'. A chain uses the one
            that a part states.
    """

    card: ClassVar[MethodCard]
    networks: int | None = None
    mixes_rows: bool = False
    remembers_rows: bool = False
    auxiliary: tuple[str, ...] = ()
    predicts_rows: bool = False
    joint_lr: float | None = None
    joint_optimizer: str | None = None

    def prepare(self, task: LearningTask) -> None:
        """Allocate memory for this data set, and draw random initial parameters from torch's seeded generator.

        Called once before training (and before state is loaded).

        Args:
            task: sizes and given labels.
        """

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        """Change inputs, targets and weights together before the forward pass. No gradient flows through an edit.

        Args:
            batch: as drawn from the data.
            nets: the networks, in training mode.
            rng: random number generator of edits.
        """
        return batch

    def run(self, batch: Batch, nets: Networks, params: Gradients) -> Batch:
        """Run the networks: the step's own forward pass. For methods that look at its graph before the loss.

        Args:
            batch: as edited.
            nets: the networks, in training mode.
            params: their trainable parameters, by name.

        Returns:
            The batch with logits (N, B, K), whose graph is still there; weights may be others.
        """
        return replace(batch, logits=nets(batch.x))

    def target(self, batch: Batch) -> Tensor:
        """Targets (B, K) or (N, B, K), given a batch with logits. Pure."""
        return batch.y

    def loss(self, batch: Batch) -> Tensor:
        """Losses (N, B), one per sample, not reduced. Pure. A chain may have only one method with a loss."""
        raise NotImplementedError

    def weight(self, batch: Batch) -> Tensor:
        """Weights (B,) or (N, B) of the samples, given a batch with losses. Pure."""
        return batch.w

    def penalty(self, batch: Batch) -> Tensor | float:
        """A scalar added to the objective that is not a per-sample mean. Pure."""
        return 0.0

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        """Change the gradient before the optimiser steps.

        Args:
            gradients: of the objective, by name of the parameter.
            params: the networks' trainable parameters, by name.
            regrad: maps other parameters to their gradient on the same batch, with the same random numbers; also to
                products with the Hessian there.
            batch: with logits, targets, losses and weights, detached.

        Returns:
            The gradient for the optimiser, by name.
        """
        return gradients

    def observe(self, batch: Batch) -> None:
        """Write memory: the only place within a step. The batch has logits, targets, losses and weights, detached."""

    def refit(self, epoch_end: EpochEnd) -> None:
        """Write memory between epochs, given the whole training split: the other place that may."""

    def predict(self, logits: Tensor) -> Tensor:
        """Probabilities (B, K) at inference, from (N, B, K) logits."""
        return first_network(logits)

    def selection(self) -> Tensor | None:
        """How far each row counted as clean in the last epoch, (rows,) in [0, 1]; None without a selection."""
        return None

    def joint_groups(self) -> list[tuple[list[Tensor], float | None]]:
        """The method's own parameters that the training objective trains, in groups.

        Returns:
            Pairs of parameters and their learning rate; a rate of None is the networks'.
        """
        own: list[Tensor] = [p for p in self.parameters() if p.requires_grad]
        return [(own, self.joint_lr)] if own else []

    def joint_parameters(self) -> list[Tensor]:
        """The parameters of `joint_groups`."""
        return [p for group, _ in self.joint_groups() for p in group]


def changes(method: Method | type[Method], station: str) -> bool:
    """Whether the method changes this station."""
    kind = method if isinstance(method, type) else type(method)
    if isinstance(method, Chain):
        return getattr(kind, station) is not getattr(Chain, station) or any(changes(m, station) for m in method.parts)
    return getattr(kind, station) is not getattr(Method, station)


def stations(method: Method | type[Method]) -> tuple[str, ...]:
    """The stations the method changes, in the order of the step."""
    return tuple(station for station in STATIONS if changes(method, station))


class Chain(Method):
    """Methods one after another at every station. A chain is itself a method; chains of chains are flat.

    Raises:
        BadInput: what cannot be combined: two losses, two numbers of networks, a memory per row after mixed rows.
    """

    methods: nn.ModuleList

    def __init__(self, methods: Iterable[Method] = ()) -> None:
        super().__init__()
        flat: list[Method] = []
        for method in methods:
            # a subclass of Chain does more than its parts and stays whole
            flat.extend(method.parts if type(method) is Chain else [method])
        self.methods = nn.ModuleList(flat)
        _check_composition(flat)
        counts = {m.networks for m in flat if m.networks is not None}
        self.networks = max(counts, default=None)
        self.joint_optimizer = next((m.joint_optimizer for m in flat if m.joint_optimizer), None)
        self.mixes_rows = any(m.mixes_rows for m in flat)
        self.remembers_rows = any(m.remembers_rows for m in flat)
        self.auxiliary = tuple(dict.fromkeys([*type(self).auxiliary, *(name for m in flat for name in m.auxiliary)]))

    def __repr__(self) -> str:
        inside = ", ".join(repr(m) for m in self.parts)
        return f"{type(self).__name__}({inside})" if type(self) is Chain else f"{super().__repr__()}[{inside}]"

    @property
    def parts(self) -> list[Method]:
        """The methods, in order."""
        return list(self.methods)  # type: ignore[arg-type]

    def prepare(self, task: LearningTask) -> None:
        for method in self.parts:
            method.prepare(task)

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        for method in self.parts:
            batch = method.edit(batch, nets, rng)
        return batch

    def run(self, batch: Batch, nets: Networks, params: Gradients) -> Batch:
        for method in self.parts:
            if changes(method, "run"):
                return method.run(batch, nets, params)
        return super().run(batch, nets, params)

    def target(self, batch: Batch) -> Tensor:
        for method in self.parts:
            batch = replace(batch, y=method.target(batch))
        return batch.y

    def loss(self, batch: Batch) -> Tensor:
        for method in self.parts:
            if changes(method, "loss"):
                return method.loss(batch)
        raise NotImplementedError

    def weight(self, batch: Batch) -> Tensor:
        for method in self.parts:
            batch = replace(batch, w=method.weight(batch))
        return batch.w

    def penalty(self, batch: Batch) -> Tensor | float:
        total: Tensor | float = 0.0
        for method in self.parts:
            total = total + method.penalty(batch)
        return total

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        for method in self.parts:
            gradients = method.gradient(gradients, params, regrad, batch)
        return gradients

    def observe(self, batch: Batch) -> None:
        for method in self.parts:
            method.observe(batch)

    def refit(self, epoch_end: EpochEnd) -> None:
        for method in self.parts:
            method.refit(epoch_end)

    def predict(self, logits: Tensor) -> Tensor:
        ways = [m for m in self.parts if changes(m, "predict")]
        return ways[-1].predict(logits) if ways else first_network(logits)

    def selection(self) -> Tensor | None:
        kept = [s for m in self.parts if (s := m.selection()) is not None]
        return torch.stack(kept).prod(dim=0) if kept else None

    def joint_groups(self) -> list[tuple[list[Tensor], float | None]]:
        return [group for m in self.parts for group in m.joint_groups()]


def _check_composition(methods: list[Method]) -> None:
    losses = [name_of(type(m)) for m in methods if changes(m, "loss")]
    if len(losses) > 1:
        raise BadInput(f"{' and '.join(losses)} each define a loss, and a step has only one: choose one of them")
    runners = [name_of(type(m)) for m in methods if changes(m, "run")]
    if len(runners) > 1:
        raise BadInput(f"{' and '.join(runners)} each run the networks, and a step does so once: choose one of them")
    mixers = [name_of(type(m)) for m in methods if m.mixes_rows]
    keepers = [name_of(type(m)) for m in methods if m.remembers_rows]
    if mixers and keepers:
        raise BadInput(
            f"{mixers[0]} mixes rows, and {keepers[0]} keeps a memory per row that mixtures would spoil: "
            "they cannot train together"
        )
    counts = {m.networks: name_of(type(m)) for m in methods if m.networks is not None}
    if len(counts) > 1:
        said = " and ".join(f"{name} trains {count}" for count, name in sorted(counts.items()))
        raise BadInput(f"{said} network(s) together: they cannot share a step")
