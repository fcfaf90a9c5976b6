"""Batches from rows on a device: those of an epoch, auxiliary ones, and passes over a whole split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from noisewise.bounds import between, check
from noisewise.data.augment.spec import strong_augment, weak_augment
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import Normalise
from noisewise.data.rows import Rows
from noisewise.devices import sent
from noisewise.errors import BadInput
from noisewise.models import card_of
from noisewise.training.batch import Batch, Drawn, one_hot
from noisewise.training.config import Config
from noisewise.training.distributed import read_together
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks, Predictor, evaluating

# Larger passes (rows x classes x networks) are computed again at every use: 400 MB as float32.
_CACHED_LOGITS = 100_000_000


def batches(rows: Rows, positions: Tensor, size: int, classes: int) -> Iterator[Batch]:
    """Batches of one split in the given order, not augmented."""
    for cut in _cuts(rows, positions, size, classes):
        yield cut.batch(rows.prepare(cut.raw, None))


def predicted(predictor: Predictor, rows: Rows, size: int = 512) -> Tensor:
    """(rows, K) probabilities of all rows in their order, in evaluation mode and in the precision of the weights."""
    kind = next(predictor.parameters()).dtype
    with torch.no_grad(), evaluating(predictor):
        streams = read_together(rows, torch.arange(len(rows)), size)
        return torch.cat([predictor(rows.prepare(raw, None).to(kind)) for _, raw in streams])


@dataclass(frozen=True)
class _Cut:
    """The rows of one batch.

    Attributes:
        rows: the split they are from.
        raw: (B, ...) their inputs.
        index: (B,) in the data set.
        w: (B,) weights.
        drawn: labels and targets.
    """

    rows: Rows
    raw: Tensor
    index: Tensor
    w: Tensor
    drawn: Drawn

    def batch(self, x: Tensor, **more: Any) -> Batch:
        """The batch of these rows with prepared inputs."""
        return Batch(x, self.drawn.y, self.index, self.w, drawn=self.drawn, **more)


def _cuts(rows: Rows, order: Tensor, size: int, classes: int) -> Iterator[_Cut]:
    """The rows of one batch after the other. Labels, index and weights are looked up for all batches at once."""
    here = sent(order, rows.given.device)
    given, index = rows.given[here], rows.index[here]
    weights = torch.ones(len(order), device=rows.device) if rows.weights is None else rows.weights[here]
    begin = 0
    for at, raw in read_together(rows, order, size):
        cut = slice(begin, begin := begin + len(at))
        labels, w = given[cut], weights[cut]
        drawn = Drawn(labels, one_hot(labels, classes), w if rows.weights is None else None)
        yield _Cut(rows, raw, index[cut], w, drawn)


def normalise_of(model: object, data: Dataset, setting: str = "auto") -> Normalise | None:
    """The statistics to normalise by, where they are not those of the training rows.

    Args:
        model: a pretrained model of images states on its card what it expects.
        data: the rows.
        setting: `Config.normalise`; "none" leaves inputs as they are.

    Returns:
        The statistics; None takes those of the training rows.
    """
    if setting == "none":
        return Normalise(torch.zeros(data.shape[-1]), torch.ones(data.shape[-1]))
    card = card_of(model) if data.kind == "image" else None
    if card is None or card.mean is None or card.std is None:
        return None
    return Normalise(torch.full((data.shape[-1],), card.mean), torch.full((data.shape[-1],), card.std))


class Splits:
    """The rows of a training on its device, by split, and what is computed for whole splits.

    Args:
        data: the split data set; its truth is removed here, before anything else can see it.
        config: for device, batch size and augmentation.
        noise_rate: as stated by the user, if at all.
        normalise: how inputs are prepared; by default by the statistics of the training rows.

    Attributes:
        data: the data set, without truth.
        rows: the training rows.
        splits: the other rows by name: "validation", "test", "trusted", and those of `add`.
        task: what methods know before training.
        device: where the rows are.
        classes: K.

    Raises:
        BadInput: data that cannot be trained on, or a rate outside [0, 1].
    """

    def __init__(
        self, data: Dataset, config: Config, noise_rate: float | None = None, normalise: Normalise | None = None
    ) -> None:
        if len(data) < 2:
            raise BadInput(f"{data.name} has {len(data)} training row(s); at least 2 are needed")
        if not data.labelled:
            raise BadInput(f"{data.name} has no labels to learn from")
        if data.shape == (0,):
            raise BadInput(f"{data.name} has labels alone, and nothing to learn from")
        self.data = data.blind()
        self.config = config
        self.device = config.torch_device
        self.classes = len(data.classes)
        weak = weak_augment(config.augment, data)
        self._augment, self._strong = weak, strong_augment(config.strong, weak, data)
        self.rows = self._prepared(self.data, normalise)
        self.splits = {
            name: self._prepared(split, self.rows.normalise)
            for name in ("validation", "test", "trusted")
            if (split := getattr(self.data, name)) is not None and len(split)
        }
        self.task = self._task(noise_rate)

    def _task(self, noise_rate: float | None) -> LearningTask:
        splits = [d for d in (self.data, self.data.validation, self.data.trusted) if d is not None]
        rows = max(d.capacity for d in splits)
        given = torch.full((rows,), -1, dtype=torch.int64, device=self.device)
        given[self.rows.index] = self.rows.given
        stated = None if noise_rate is None else check(None, "noise_rate", noise_rate, between(0, 1))
        steps = steps_of(len(self.rows), self.config.batch_size)
        return LearningTask(
            rows, self.classes, given, self.config.epochs, stated, box=self.rows.box, steps=steps, config=self.config
        )

    def split(self, name: str) -> Rows:
        """Rows other than the training rows.

        Args:
            name: "validation", "test", "trusted", or a name given to `add`.

        Raises:
            BadInput: there are none.
        """
        if name not in self.splits:
            hint = ": say which are by trusted=COLUMN or FILE, or draw some by trusted=N" if name == "trusted" else ""
            raise BadInput(f"this training needs {name} rows and the data set has none{hint}")
        return self.splits[name]

    def _drawn(self, split: str | None) -> Rows:
        if split is None:
            return self.rows
        if split in ("validation", "test"):
            raise BadInput(f"split={split!r} is held out, and nothing can be trained on it")
        rows = self.split(split)
        if bool((rows.index >= self.task.rows).any()):
            raise BadInput(
                f"split={split!r} has rows whose index is not below {self.task.rows}: they are not known here"
            )
        return rows

    def add(self, name: str, data: Dataset) -> None:
        """Add rows under a name, which methods use in `auxiliary` and recipes in `fit`.

        They are normalised like the others.

        Args:
            name: of the rows.
            data: the rows.
        """
        self.splits[name] = self._prepared(data.blind(), self.rows.normalise)

    def _prepared(self, data: Dataset, normalise: Normalise | None) -> Rows:
        return Rows(data, self.device, augment=self._augment, strong=self._strong, normalise=normalise)

    def passes(self, nets: Networks, mask: Tensor | None = None) -> Iterator[Batch]:
        """Training rows, not augmented, as batches with logits in evaluation mode.

        Args:
            nets: the networks.
            mask: (task.rows,) of the rows to take, by index; None takes all.
        """
        everything = torch.arange(len(self.rows))
        positions = everything if mask is None else everything[mask[self.rows.index].cpu()]
        with torch.no_grad(), evaluating(nets):
            for batch in batches(self.rows, positions, 4 * self.config.batch_size, self.classes):
                yield replace(batch, logits=nets(batch.x))

    def probabilities(self, predictor: Predictor, split: str) -> Tensor:
        """(rows of the split, K) predicted probabilities, in the order of the split.

        Args:
            predictor: what predicts.
            split: "train", "test", "validation", "trusted", or a name given to `add`.
        """
        rows = self.rows if split == "train" else self.splits[split]
        return predicted(predictor, rows, 4 * self.config.batch_size)


class Streams:
    """The batches of an epoch, with auxiliary batches drawn along with each.

    Args:
        drawn: rows from which the epoch's own batches are drawn.
        mask: by index, of the rows to draw; None draws all.
        auxiliary: by name, rows to draw further batches from, and a mask by index or None for all.
        size: rows per batch.
        classes: K.

    Raises:
        BadInput: fewer than 2 rows.
    """

    def __init__(
        self,
        drawn: Rows,
        mask: Tensor | None,
        auxiliary: Mapping[str, tuple[Rows, Tensor | None]],
        size: int,
        classes: int,
    ) -> None:
        self.drawn, self.size, self.classes = drawn, size, classes
        self.positions = _positions(drawn, mask)
        if len(self.positions) < 2:
            raise BadInput(f"only {len(self.positions)} row(s) are left to train on")
        self.auxiliary = {name: (rows, _positions(rows, chosen)) for name, (rows, chosen) in auxiliary.items()}

    @property
    def rows(self) -> int:
        """How many rows an epoch has."""
        return len(self.positions)

    @property
    def steps(self) -> int:
        """How many batches an epoch has."""
        return steps_of(self.rows, self.size)

    def epoch(self, rng: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch in a fresh order, augmented."""
        order = self.positions[torch.randperm(self.rows, generator=rng)]
        others = {name: self._endless(rows, at, rng) for name, (rows, at) in self.auxiliary.items() if len(at)}
        for cut in _cuts(self.drawn, order, self.size, self.classes):
            drawn = {name: next(stream) for name, stream in others.items()}
            auxiliary = {name: _augmented(other, rng) for name, other in drawn.items()}
            yield _augmented(cut, rng, auxiliary=auxiliary)

    def _endless(self, rows: Rows, positions: Tensor, rng: torch.Generator) -> Iterator[_Cut]:
        size = min(self.size, len(positions))
        while True:
            order = positions[torch.randperm(len(positions), generator=rng)]
            yield from _cuts(rows, order[: len(order) // size * size], size, self.classes)


def steps_of(rows: int, size: int) -> int:
    """How many batches of `size` an epoch over `rows` rows has; a single row left at its end joins the last one."""
    whole, rest = divmod(rows, size)
    return max(1, whole + (rest > 1))


def _positions(rows: Rows, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.arange(len(rows))
    return torch.nonzero(mask.to(rows.index.device)[rows.index])[:, 0].cpu()


def _augmented(cut: _Cut, rng: torch.Generator, **more: Any) -> Batch:
    rows, raw = cut.rows, cut.raw
    views = {
        "view": (lambda rng: rows.prepare(raw, rng)) if rows.augmented else None,
        "strong": (lambda rng: rows.stronger(raw, rng)) if rows.has_stronger else None,
    }
    return cut.batch(rows.prepare(raw, rng), **views, **more)


class Passes:
    """Passes of one network state over training rows, cached for the whole split if it is small enough.

    Args:
        compute: from a mask (rows,) by index, or None for all rows, to batches with logits.
        rows: the training rows.
        numbers: how many logits one row has, over all networks.
    """

    def __init__(self, compute: Callable[[Tensor | None], Iterator[Batch]], rows: Rows, numbers: int) -> None:
        self._compute, self._rows = compute, rows
        self._small = len(rows) * numbers <= _CACHED_LOGITS
        self._kept: list[Batch] | None = None

    def __call__(self, mask: Tensor | None = None) -> Iterator[Batch]:
        if mask is not None and not bool(mask[self._rows.index].all()):
            yield from self._compute(mask)
            return
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for batch in self._compute(None):
            if self._small:
                kept.append(replace(batch, x=batch.x[:0]))
            yield batch
        self._kept = kept if self._small else None
