"""The Batch: the rows of one training step with all that its stations compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from noisewise.errors import BadInput


@dataclass(frozen=True, slots=True)
class Clock:
    """Position of a step in the training.

    Attributes:
        epoch: 0-based epoch of the learner.
        epochs: how many epochs the learner trains in all.
        step: 0-based step within the epoch.
        steps: how many steps this epoch has.
        lr: learning rate of the networks at this step.
    """

    epoch: int = 0
    epochs: int = 1
    step: int = 0
    steps: int = 1
    lr: float = 0.1

    @property
    def progress(self) -> float:
        """Share of the training that lies behind this step, in [0, 1)."""
        return (self.epoch + self.step / self.steps) / self.epochs


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What a batch was drawn with: as long as it has these tensors, a step can leave out work that they make needless.

    Attributes:
        labels: (B,) given labels.
        y: (B, K) their one-hot distributions.
        ones: (B,) weights that are all 1; None where the data set says otherwise.
    """

    labels: Tensor
    y: Tensor
    ones: Tensor | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """B rows in a training step. Stations return changed copies (`dataclasses.replace`).

    Attributes:
        x: (B, ...) inputs, ready for the network.
        y: (B, K) or (N, B, K) targets as distributions; at first the given labels, one-hot.
        index: (B,) row in the data set, the key of every memory; None once an edit has mixed rows.
        w: (B,) or (N, B) weights, at first those of the data set, which are ones unless it says otherwise.
        clock: position of this step in the training.
        view: draws another augmented view of the same rows, (B, ...); None without augmentation, where every view
            would equal the inputs.
        strong: draws a strongly augmented view of the same rows, (B, ...); None where there is none.
        auxiliary: batches drawn along with this one, by name ("trusted", "unlabelled").
        info: values that an edit passes to later stations of the same method, by name.
        logits: (N, B, K), set by the forward pass.
        loss: (N, B), per sample, set after the loss station.
        drawn: what it was drawn with, if that is known.
    """

    x: Tensor
    y: Tensor
    index: Tensor | None
    w: Tensor
    clock: Clock = field(default_factory=Clock)
    view: Callable[[torch.Generator], Tensor] | None = None
    strong: Callable[[torch.Generator], Tensor] | None = None
    auxiliary: Mapping[str, Batch] = field(default_factory=dict)
    info: Mapping[str, Tensor] = field(default_factory=dict)
    logits: Tensor | None = None
    loss: Tensor | None = None
    drawn: Drawn | None = None

    @classmethod
    def of(
        cls, x: Tensor, labels: Tensor, classes: int, index: Tensor | None = None, clock: Clock | None = None
    ) -> Batch:
        """Make a batch for a step from what an ordinary data loader returns.

        Args:
            x: (B, ...) inputs, ready for the network.
            labels: (B,) given labels.
            classes: K.
            index: (B,) row in the data set; methods and ledgers with a memory per row need it.
            clock: position of the step in the training; by default at the start of one epoch.
        """
        y, w = one_hot(labels, classes), torch.ones(len(labels), device=x.device)
        return cls(x, y, index, w, Clock() if clock is None else clock, drawn=Drawn(labels, y, w))

    def __len__(self) -> int:
        return self.y.shape[-2]

    def __repr__(self) -> str:
        logits = "" if self.logits is None else f", logits {tuple(self.logits.shape)}"
        auxiliary = "".join(f", {name}: {len(batch)} rows" for name, batch in self.auxiliary.items())
        return f"Batch(x {tuple(self.x.shape)}, y {tuple(self.y.shape)}{logits}{auxiliary})"

    @property
    def rows(self) -> Tensor:
        """(B,) the index, for a memory.

        Raises:
            RuntimeError: an edit has mixed rows, hence no memory per row can be read or written.
        """
        if self.index is None:
            raise RuntimeError("an edit before this station mixed rows: there is no row a memory could belong to")
        return self.index

    def another(self, rng: torch.Generator) -> Tensor:
        """(B, ...) another view of the rows; the same inputs without augmentation."""
        return self.x if self.view is None else self.view(rng)

    def second_view(self, rng: torch.Generator) -> Tensor | None:
        """(B, ...) the strong view, or without one another weak one; None without augmentation."""
        draw = self.strong or self.view
        return None if draw is None else draw(rng)

    @property
    def labels(self) -> Tensor | None:
        """(B,) classes whose one-hot distributions the targets are; None where they are no longer as drawn."""
        return self.drawn.labels if self.drawn is not None and self.drawn.y is self.y else None

    @property
    def weighted(self) -> bool:
        """Whether a weight may be other than 1."""
        return self.drawn is None or self.drawn.ones is not self.w

    @property
    def scores(self) -> Tensor:
        """(N, B, K) the logits, for stations after the forward pass."""
        if self.logits is None:
            raise RuntimeError("the forward pass has not happened yet at this station")
        return self.logits

    @property
    def losses(self) -> Tensor:
        """(N, B) the per-sample losses, for stations after the loss."""
        if self.loss is None:
            raise RuntimeError("the loss has not been computed yet at this station")
        return self.loss


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(B,) labels as (B, K) float distributions."""
    # Unlike torch's one_hot, a scatter looks at no value of the labels on the host.
    return torch.zeros(*labels.shape, classes, device=labels.device).scatter_(-1, labels[..., None], 1.0)


def distributions(logits: Tensor, targets: Tensor) -> Tensor:
    """Convert targets to distributions; the dtype decides how they are read.

    Args:
        logits: (..., B, K).
        targets: integers are class indices, (B,) or (..., B); floats are distributions, (B, K) or (..., B, K).

    Returns:
        Distributions that broadcast to the logits: indices become one-hot in the dtype of the logits, distributions
        are returned as they are.

    Raises:
        BadInput: a shape that does not fit the logits, or targets that are neither integers nor floats.
    """
    soft, classes = targets.is_floating_point(), logits.shape[-1]
    shape = targets.shape if soft else (*targets.shape, classes)
    if not _fits(shape, logits.shape) or targets.dtype == torch.bool:
        raise BadInput(
            f"targets of shape {tuple(targets.shape)} and type {targets.dtype} do not fit logits of shape "
            f"{tuple(logits.shape)}: integers are class indices (B,), floats are distributions (B, K) or (..., B, K)"
        )
    return targets if soft else functional.one_hot(targets.long(), classes).to(logits.dtype)


def _fits(targets: tuple[int, ...], logits: tuple[int, ...]) -> bool:
    """Whether rows and classes are equal and the axes before them broadcast."""
    before = zip(targets[-3::-1], logits[-3::-1], strict=False)
    return targets[-2:] == logits[-2:] and all(one == other or 1 in (one, other) for one, other in before)


def cross_entropy_of(batch: Batch) -> Tensor:
    """(N, B) cross entropy of a batch's logits with its targets: that of `cross_entropy` to the bit, in less time."""
    labels, logits = batch.labels, batch.scores
    if labels is None:
        return cross_entropy(logits, batch.y)
    every = labels if len(logits) == 1 else labels.repeat(len(logits))
    return functional.cross_entropy(logits.flatten(0, 1), every, reduction="none").view(len(logits), -1)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy -sum_k y_k log p_k.

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.

    Returns:
        (..., B) per-sample losses.
    """
    return -(distributions(logits, targets) * functional.log_softmax(logits, dim=-1)).sum(dim=-1)
