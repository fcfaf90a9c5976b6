"""From rows on a device to batches: the epoch's own, those drawn beside them, and passes over a whole split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.training.batch import Batch, one_hot
from noisewise.training.method import Method
from noisewise.training.networks import Networks, Predictor, evaluating

if TYPE_CHECKING:
    from noisewise.training.trainer import Training

_CACHED_LOGITS = 100_000_000


def batches(rows: Rows, positions: Tensor, size: int, classes: int) -> Iterator[Batch]:
    """Batches of one split in the given order, not augmented."""
    for at, raw in rows.stream(positions, size):
        yield _batch(rows, at, rows.prepare(raw, None), classes)


def predicted(predictor: Predictor, rows: Rows, size: int = 512) -> Tensor:
    """(rows, K) probabilities of all rows in their order, in evaluation mode and in the precision of the weights."""
    kind = next(predictor.parameters()).dtype
    with torch.no_grad(), evaluating(predictor):
        streams = rows.stream(torch.arange(len(rows)), size)
        return torch.cat([predictor(rows.prepare(raw, None).to(kind)) for _, raw in streams])


def _batch(rows: Rows, at: Tensor, x: Tensor, classes: int, **more: Any) -> Batch:
    at = at.to(rows.given.device)
    w = torch.ones(len(at), device=x.device)
    return Batch(x, one_hot(rows.given[at], classes), rows.index[at], w, **more)


class Streams:
    """The batches of an epoch, with those drawn beside them.

    Args:
        training: whose. method: for the auxiliary batches it wants.
        mask: by index, of the rows to draw; None draws all. auxiliary: masks of further training rows, by name.
        drawn: what the epoch's own batches are drawn from; by default the training rows.
    """

    def __init__(
        self,
        training: Training,
        method: Method,
        mask: Tensor | None,
        auxiliary: Mapping[str, Tensor],
        drawn: Rows | None = None,
    ) -> None:
        self.training = training
        self.drawn = training.rows if drawn is None else drawn
        self.positions = _positions(self.drawn, mask)
        if len(self.positions) < 2:
            raise BadInput(f"only {len(self.positions)} row(s) are left to train on")
        self.auxiliary = {name: (training.rows, _positions(training.rows, m)) for name, m in auxiliary.items()}
        for name in method.auxiliary:
            if name not in self.auxiliary:
                others = training.split(name)
                self.auxiliary[name] = (others, torch.arange(len(others)))

    @property
    def rows(self) -> int:
        return len(self.positions)

    @property
    def steps(self) -> int:
        size = self.training.config.batch_size
        whole, rest = divmod(self.rows, size)
        return max(1, whole + (rest > 1))

    def epoch(self, rng: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch in a fresh order, augmented."""
        training, classes = self.training, self.training.classes
        order = self.positions[torch.randperm(self.rows, generator=rng)]
        others = {name: self._endless(rows, at, rng) for name, (rows, at) in self.auxiliary.items() if len(at)}
        for at, raw in self.drawn.stream(order, training.config.batch_size):
            drawn = {name: next(stream) for name, stream in others.items()}
            auxiliary = {name: _augmented(*parts, classes, rng) for name, parts in drawn.items()}
            yield replace(_augmented(self.drawn, at, raw, classes, rng), auxiliary=auxiliary)

    def _endless(self, rows: Rows, positions: Tensor, rng: torch.Generator) -> Iterator[tuple[Rows, Tensor, Tensor]]:
        size = min(self.training.config.batch_size, len(positions))
        while True:
            order = positions[torch.randperm(len(positions), generator=rng)]
            whole = order[: len(order) // size * size]
            for at, raw in rows.stream(whole, size):
                yield rows, at, raw


def _positions(rows: Rows, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.arange(len(rows))
    return torch.nonzero(mask.to(rows.index.device)[rows.index])[:, 0].cpu()


def _augmented(rows: Rows, at: Tensor, raw: Tensor, classes: int, rng: torch.Generator) -> Batch:
    return _batch(rows, at, rows.prepare(raw, rng), classes, view=_view(rows, raw))


def _view(rows: Rows, raw: Tensor) -> Callable[[torch.Generator], Tensor]:
    return lambda rng: rows.prepare(raw, rng)


class Passes:
    """`Training.passes` of one network state, remembered when the whole split was asked for and it is small enough."""

    def __init__(self, training: Training, nets: Networks) -> None:
        self.training, self.nets = training, nets
        self._kept: list[Batch] | None = None

    def __call__(self, mask: Tensor | None = None) -> Iterator[Batch]:
        rows = self.training.rows
        whole = mask is None or bool(mask[rows.index].all())
        if not whole:
            yield from self.training.passes(self.nets, mask)
            return
        if self._kept is not None:
            yield from self._kept
            return
        small = len(rows) * self.training.classes * len(self.nets) <= _CACHED_LOGITS
        kept = []
        for batch in self.training.passes(self.nets):
            if small:
                kept.append(replace(batch, x=batch.x[:0]))
            yield batch
        self._kept = kept if small else None
