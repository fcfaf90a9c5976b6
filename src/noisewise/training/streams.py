"""From rows on a device to batches: the epoch's own, those drawn beside them, and passes over a whole split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.training.batch import Batch, Clock, one_hot
from noisewise.training.method import Method
from noisewise.training.networks import Networks

if TYPE_CHECKING:
    from noisewise.training.trainer import Training

_CACHED_LOGITS = 100_000_000


def batches(rows: Rows, positions: Tensor, size: int, classes: int) -> Iterator[Batch]:
    """Batches of one split in the given order, not augmented."""
    for at, raw in rows.stream(positions, size):
        yield _batch(rows, at, rows.prepare(raw, None), classes)


def replace_logits(batch: Batch, nets: Networks) -> Batch:
    """The batch with the networks' logits."""
    return Batch(batch.x, batch.y, batch.index, batch.w, batch.clock, logits=nets(batch.x))


def _batch(rows: Rows, at: Tensor, x: Tensor, classes: int, **more: Any) -> Batch:
    at = at.to(rows.given.device)
    w = torch.ones(len(at), device=x.device)
    return Batch(x, one_hot(rows.given[at], classes), rows.index[at], w, **more)


class Streams:
    """The batches of an epoch, with those drawn beside them."""

    def __init__(self, training: Training, method: Method, mask: Tensor | None, beside: Mapping[str, Tensor]) -> None:
        self.training = training
        self.positions = self._positions(mask)
        if len(self.positions) < 2:
            raise BadInput(f"only {len(self.positions)} row(s) are left to train on")
        self.beside = {name: (training.rows, self._positions(m)) for name, m in beside.items()}
        if "trusted" in method.beside and "trusted" not in self.beside:
            trusted = training.splits["trusted"]
            self.beside["trusted"] = (trusted, torch.arange(len(trusted)))

    def _positions(self, mask: Tensor | None) -> Tensor:
        rows = self.training.rows
        if mask is None:
            return torch.arange(len(rows))
        return torch.nonzero(mask.to(rows.index.device)[rows.index])[:, 0].cpu()

    @property
    def rows(self) -> int:
        return len(self.positions)

    @property
    def steps(self) -> int:
        size = self.training.config.batch_size
        whole, rest = divmod(self.rows, size)
        return max(1, whole + (rest > 1))

    def epoch(self, rng: torch.Generator) -> Iterator[Callable[[Clock], Batch]]:
        """For every step a function from the clock to the batch."""
        training = self.training
        size = training.config.batch_size
        order = self.positions[torch.randperm(self.rows, generator=rng)]
        others = {name: self._endless(rows, at, rng) for name, (rows, at) in self.beside.items() if len(at)}
        for at, raw in training.rows.stream(order, size):
            drawn = {name: next(stream) for name, stream in others.items()}
            yield self._finish(training.rows, at, raw, rng, drawn)

    def _endless(self, rows: Rows, positions: Tensor, rng: torch.Generator) -> Iterator[tuple[Rows, Tensor, Tensor]]:
        size = min(self.training.config.batch_size, len(positions))
        while True:
            order = positions[torch.randperm(len(positions), generator=rng)]
            whole = order[: len(order) // size * size]
            for at, raw in rows.stream(whole, size):
                yield rows, at, raw

    def _finish(
        self,
        rows: Rows,
        at: Tensor,
        raw: Tensor,
        rng: torch.Generator,
        drawn: Mapping[str, tuple[Rows, Tensor, Tensor]],
    ) -> Callable[[Clock], Batch]:
        classes = self.training.classes

        def make(clock: Clock) -> Batch:
            beside = {
                name: _batch(r, a, r.prepare(x, rng), classes, clock=clock, view=_view(r, x))
                for name, (r, a, x) in drawn.items()
            }
            return _batch(rows, at, rows.prepare(raw, rng), classes, clock=clock, view=_view(rows, raw), beside=beside)

        return make


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
                kept.append(Batch(batch.x[:0], batch.y, batch.index, batch.w, batch.clock, logits=batch.logits))
            yield batch
        self._kept = kept if small else None
