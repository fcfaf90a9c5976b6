"""The Method: what may happen at each station of a training step, and the chain, which is a method too.

    edit -> (forward) -> target -> loss -> weight -> penalty -> (backward) -> gradient -> (optimiser) -> observe
                                                                       between epochs: refit

Parameters of a method can be learned; its buffers are its memory. A method defines only the stations it changes.
`target`, `loss`, `weight` and `penalty` are pure: called twice they return the same and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from noisewise.bounds import Bounded, name_of
from noisewise.errors import BadInput
from noisewise.training.batch import Batch
from noisewise.training.ledger import Ledger
from noisewise.training.networks import Networks, first_network

STATIONS = ("edit", "target", "loss", "weight", "penalty", "gradient")

Gradients = dict[str, Tensor]
Regrad = Callable[[Gradients], Gradients]


@dataclass(frozen=True)
class MethodCard:
    """What a catalogue says of a method.

    Attributes:
        name: as in the catalogue.
        idea: two sentences.
        paper: authors, title, venue.
        year: of publication.
        equation: the heart of it, as text.
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
        epochs: how long training will take.
        noise_rate: the noise rate, where the user states it; None means that methods estimate what they need.
        networks: N, how many networks train together.
        box: smallest and largest value a prepared input can take, each (C, 1, 1), for images; None for other data.
    """

    rows: int
    classes: int
    given: Tensor
    epochs: int = 1
    noise_rate: float | None = None
    networks: int = 1
    box: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True, eq=False)
class EpochEnd:
    """What a method sees between epochs: the networks and the whole training split, without truth.

    Attributes:
        nets: the networks.
        epoch: the 0-based epoch just finished.
        epochs: number of epochs in all.
        passes: every training row once, not augmented, in evaluation mode, as batches with logits (N, B, K).
        ledger: what training saw of every row so far.
    """

    nets: Networks
    epoch: int
    epochs: int
    passes: Callable[..., Iterator[Batch]]
    ledger: Ledger


class Method(Bounded, nn.Module):
    """A way to train under noise. The base does nothing anywhere: plain cross entropy.

    Class attributes:
        card: the catalogue's entry.
        bounds: the legal values of its options, by name (see `noisewise.bounds`).
        networks: how many networks it trains together; None for any number.
        mixes_rows: its edit makes rows that are not rows of the data set (and removes the index).
        remembers_rows: it keeps a memory per row, and so needs the index.
        auxiliary: names of splits of which it wants a batch drawn along with each batch, such as "trusted".
        joint_lr: learning rate of its own parameters where the objective moves them; None is the networks'. They
            never decay. In a chain every part has its own.
    """

    card: ClassVar[MethodCard]
    networks: int | None = None
    mixes_rows: bool = False
    remembers_rows: bool = False
    auxiliary: tuple[str, ...] = ()
    joint_lr: float | None = None

    def prepare(self, task: LearningTask) -> None:
        """Allocate memory for this data set, and draw parameters that start at random from torch's seeded generator.

        Called once before training (and before state is loaded).
        """

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        """Before the forward pass: change inputs, targets and weights together. No gradient flows back from here."""
        return batch

    def target(self, batch: Batch) -> Tensor:
        """(B, K) or (N, B, K): what to predict, given the logits. Pure."""
        return batch.y

    def loss(self, batch: Batch) -> Tensor:
        """(N, B): the loss of every sample, never reduced. Pure. Two in one chain are an error."""
        raise NotImplementedError

    def weight(self, batch: Batch) -> Tensor:
        """(B,) or (N, B): how much each sample counts, given the losses. Pure."""
        return batch.w

    def penalty(self, batch: Batch) -> Tensor | float:
        """A scalar added to the objective that is not a per-sample mean. Pure."""
        return 0.0

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        """The changed gradient; `regrad(params)` gives the gradient at other parameters with the same random draws."""
        return gradients

    def observe(self, batch: Batch) -> None:
        """The one place within a step that writes memory; the batch is judged and detached."""

    def refit(self, epoch_end: EpochEnd) -> None:
        """Between epochs, with the whole training split in sight: the other place that writes memory."""

    def predict(self, logits: Tensor) -> Tensor:
        """(B, K) probabilities from (N, B, K) logits, at inference."""
        return first_network(logits)

    def selection(self) -> Tensor | None:
        """(rows,) in [0, 1]: how far each row counted as clean in the last epoch; None for methods that do not
        select."""
        return None

    def joint_groups(self) -> list[tuple[list[Tensor], float | None]]:
        """The method's own parameters that the training objective itself moves, in groups with a learning rate each.

        Returns:
            Parameters and their learning rate; None is the networks'.
        """
        own: list[Tensor] = [p for p in self.parameters() if p.requires_grad]
        return [(own, self.joint_lr)] if own else []

    def joint_parameters(self) -> list[Tensor]:
        """The parameters of `joint_groups`."""
        return [p for group, _ in self.joint_groups() for p in group]


def changes(method: Method | type[Method], station: str) -> bool:
    """Whether the method has something to do at this station."""
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
            flat.extend(method.parts if type(method) is Chain else [method])
        self.methods = nn.ModuleList(flat)
        _check_composition(flat)
        counts = {m.networks for m in flat if m.networks is not None}
        self.networks = max(counts, default=None)
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
