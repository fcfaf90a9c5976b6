"""Adversarial examples as noise: inputs are moved, within a small box, to raise the loss of a network.

    x <- Proj(x + step sign grad_x L(w, x, y)),   |x - x_0|_inf <= eps,   from a random start in the box

Madry, Makelov, Schmidt, Tsipras and Vladu, Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018,
section 2.1. The attacked network (the surrogate) is trained here first, by cross entropy on the given labels, and its
weights are fixed during the attack. The same spec, seed and data thus give the same noise for any later training.

Other attacks are settings: `steps=1,start=input` is the fast gradient sign method (Goodfellow et al., 2015), `norm=l2`
the attack within a Euclidean ball, and `target=next` one that aims at a class.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from noisewise.bounds import one_of, whole
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.checks import SCALE, Checked
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.rewriting import blocks, check_not_text, count_changed, moments, reinput

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

BATCH = 128
RATE = 2e-3  # learning rate of the surrogate
# The words of `noisewise.models.attacks`, which imports torch.
NORMS, STARTS, TARGETS = ("inf", "l2"), ("random", "input"), ("away", "next", "random")


@dataclass(frozen=True)
class PGD(Checked):
    """Every input is moved within a ball of radius `eps`, against a surrogate network.

    Args:
        eps: radius; for images as a share of the range of pixels, for tables and vectors in standard deviations of each
            column.
        steps: number of steps of the attack, each of size 2.5 eps / steps.
        batches: number of batches, of about 128 rows, on which the surrogate is trained.
        norm: "inf", the largest change of a number, or "l2", the Euclidean length of all changes of a row.
        start: of the attack: "random" in the ball, or "input", at the input itself.
        target: "away" raises the loss of the given class; "next" and "random" lower that of the next or another class.
    """

    eps: float
    steps: int = 10
    batches: int = 500
    norm: str = "inf"
    start: str = "random"
    target: str = "away"

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="pgd",
        does="inputs are moved within a ball of radius eps to raise the loss of a network trained on them first",
        paper="Madry et al., ICLR 2018",
        example="pgd:0.1,steps=3,batches=50",
        changes="inputs",
    )
    bounds = {
        "eps": SCALE,
        "steps": whole(1, 10_000),
        "batches": whole(1, 1_000_000),
        "norm": one_of(*NORMS),
        "start": one_of(*STARTS),
        "target": one_of(*TARGETS),
    }

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with adversarial inputs.

        Raises:
            BadInput: the inputs are texts, missing or not finite, or there is a single row.
        """
        import torch

        check_not_text("pgd", data)
        if data.shape == (0,):
            raise BadInput(f"'pgd' changes inputs, but {data.name!r} has labels alone")
        if len(data) < 2:
            raise BadInput(f"'pgd' needs at least 2 rows, but {data.name!r} has {len(data)}")
        scale = Scale.of(data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))  # for the random starts of the attack
            net = train_surrogate(data, scale, self.batches, rng)
            inputs = np.empty(data.inputs.shape, data.inputs.dtype)
            changed = 0
            for positions, block in blocks(data.inputs):
                for part in np.array_split(positions, -(-len(positions) // (4 * BATCH))):
                    moved = self._attack(net, block[part - positions[0]], data.given[part], len(data.classes), scale)
                    inputs[part] = moved
                changed += count_changed(block, inputs[positions])
        return reinput(data, inputs, {"step": "corrupt", "inputs_changed": changed / len(data)})

    def _attack(self, net: nn.Module, block: np.ndarray, labels: np.ndarray, classes: int, scale: Scale) -> np.ndarray:
        """(b, ...) adversarial inputs in raw units."""
        import torch

        from noisewise.models.attacks import Ascent, aimed

        ascent = Ascent(self.eps, self.steps, norm=self.norm)
        x, unit = scale.scaled(block), scale.movable()
        wanted = aimed(torch.from_numpy(labels), classes, self.target)
        sign = 1.0 if self.target == "away" else -1.0

        def slope(moved: Tensor) -> Tensor:
            return sign * input_gradient(net, moved, wanted)

        if self.start == "input":
            moved = x
        elif self.norm == "inf":
            low, high = scale.box(x, self.eps)
            moved = low + (high - low) * torch.rand_like(x)
        else:
            moved = x + ascent.random(x, unit=unit)
        found = ascent.climb(slope, x, moved, unit, (0.0, 1.0) if scale.image else None)
        return scale.raw(found, block, self.eps if self.norm == "inf" else None)


@dataclass(frozen=True)
class Scale:
    """Conversion of raw inputs to inputs of the network, and back.

    Attributes:
        image: whether inputs are images (H, W, C); these are passed to networks as (C, H, W) and stay in their range.
        shift: (C,) or (d,), subtracted from raw numbers, per channel or column (the last axis).
        unit: (C,) or (d,), the divisor of shifted numbers. A constant column has a unit of 0 and is left unchanged.
    """

    image: bool
    shift: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, data: Dataset) -> Scale:
        """Scale pixels by their range, and other numbers by the mean and standard deviation of their column.

        Raises:
            BadInput: inputs that are not finite.
        """
        mean, spread = moments(data.inputs)
        if not (np.isfinite(mean).all() and np.isfinite(spread).all()):
            raise BadInput(f"'pgd' needs finite inputs, but {data.name!r} has values that are not")
        if data.kind == "image":
            largest = 255.0 if data.inputs.dtype == np.uint8 else 1.0
            return cls(True, np.zeros_like(mean), np.full_like(mean, largest))
        return cls(False, mean, spread)

    def scaled(self, block: np.ndarray) -> Tensor:
        """Raw inputs (b, ...) as inputs of the network."""
        import torch

        unit = np.where(self.unit > 0, self.unit, 1.0)
        x = torch.from_numpy(((block - self.shift) / unit).astype(np.float32))
        return x.permute(0, 3, 1, 2) if self.image else x

    def movable(self) -> Tensor:
        """(C,) or (d,): 1 where numbers may change, 0 in constant columns of vectors."""
        import torch

        return torch.ones(()) if self.image else torch.from_numpy(self.unit > 0).float()

    def box(self, x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        """The corners between which inputs may move."""
        if self.image:
            return (x - eps).clamp(0, 1), (x + eps).clamp(0, 1)
        reach = eps * self.movable()
        return x - reach, x + reach

    def raw(self, moved: Tensor, block: np.ndarray, eps: float | None) -> np.ndarray:
        """Inputs in raw units and of their original type; whole numbers stay within the ball.

        Args:
            moved: (b, ...) inputs of the network.
            block: (b, ...) raw inputs before the attack.
            eps: radius of the box; None where the ball is another, and whole numbers are rounded towards the original.
        """
        values = (moved.permute(0, 2, 3, 1) if self.image else moved).double().numpy() * self.unit + self.shift
        values = np.where(self.unit > 0, values, block)
        if block.dtype.kind not in "iub":
            return values.astype(block.dtype)
        if eps is None:
            return np.clip(block + np.trunc(values - block), *_range(block.dtype)).astype(block.dtype)
        reach = np.floor(eps * self.unit)
        whole = np.clip(np.rint(values), block - reach, block + reach)
        return np.clip(whole, *_range(block.dtype)).astype(block.dtype)


def _range(dtype: np.dtype) -> tuple[int, int]:
    return (0, 1) if dtype == np.bool_ else (np.iinfo(dtype).min, np.iinfo(dtype).max)


def train_surrogate(data: Dataset, scale: Scale, batches: int, rng: np.random.Generator) -> nn.Module:
    """Train the default model for this kind of data by Adam on the given labels.

    Args:
        data: n rows.
        scale: conversion of raw inputs to inputs of the network.
        batches: number of training steps.
        rng: generator of the initial weights and of the order of the rows.

    Returns:
        The network, in evaluation mode.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from noisewise.models import DEFAULTS, build

    net = build(DEFAULTS[data.kind], data.shape, len(data.classes), seed=int(rng.integers(2**31)))
    optimizer = torch.optim.Adam(net.parameters(), RATE)
    net.train()
    for rows in itertools.islice(_draw_batches(len(data), rng), batches):
        loss = cross_entropy(net(scale.scaled(np.asarray(data.inputs[rows]))), torch.from_numpy(data.given[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def _draw_batches(rows: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
        for part in np.array_split(rng.permutation(rows), max(1, rows // BATCH)):
            yield np.sort(part)


def input_gradient(net: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The gradient of the summed cross entropy with respect to the inputs (b, ...)."""
    import torch
    from torch.nn.functional import cross_entropy

    at = x.detach().requires_grad_()
    with torch.enable_grad():
        loss = cross_entropy(net(at), labels, reduction="sum")
    return torch.autograd.grad(loss, at)[0]
