"""Training with a deficit for some epochs, shared by the studies of critical periods.

Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019. A deficit is a corruption of the
training rows, of their images or of their labels. It is present in the epochs of a window and not before or after;
the network is always tested on clean images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from noisewise.bounds import check, whole
from noisewise.catalogue import Catalogue
from noisewise.compute import Task
from noisewise.data.augment import Augment
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.models.checks import image
from noisewise.models.layers import MeanPool, he_forward
from noisewise.noise import corrupt
from noisewise.probes.build import make_subject
from noisewise.probes.fisher import Fisher
from noisewise.spec import parse
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.fit import task
from noisewise.training import Batch, Config, Learner, Method, Networks, Training
from noisewise.training.networks import Predictor, evaluating

DECAYING, RESTARTED, FIXED = "decaying", "restarted", "fixed"
SCHEDULES = (DECAYING, RESTARTED, FIXED)
LOOKED = 300
_DEFICIENT = "deficient"
_NETS = Catalogue("model", {"sweep": f"{__name__}:sweep"})


@dataclass(frozen=True)
class Window:
    """The epochs, counted from 0, of a training of `epochs` in which there is a deficit: from `start` to before `stop`.

    Raises:
        BadInput: they are not in this order.
    """

    start: int
    stop: int
    epochs: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop <= self.epochs or self.epochs < 1:
            raise BadInput(f"a deficit from epoch {self.start} to {self.stop} does not lie within {self.epochs} epochs")

    def has(self, epoch: int) -> bool:
        """Whether the deficit is present in this epoch."""
        return self.start <= epoch < self.stop


class Moved(Method):
    """Random shifts and mirror images, as in the usual augmentation for CIFAR, for images of any size.

    Args:
        pixels: largest shift in each direction, in pixels.
        flip: whether to mirror half of the images.
    """

    def __init__(self, pixels: int, flip: bool) -> None:
        super().__init__()
        self.augment = Augment("+".join([f"crop:{pixels}"] * (pixels > 0) + ["flip"] * flip))

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        return replace(batch, x=self.augment(batch.x, rng))


def sweep(shape: tuple[int, ...], classes: int, width: int = 8, depth: int = 2) -> nn.Sequential:
    """The networks of the paper's sweep over depth; at depth 2 it is its All-CNN except for two layers and the widths.

    A 3x3 convolution of `width` channels; per step of depth a 3x3 convolution and one of stride 2 with twice the
    channels; a 3x3 and a 1x1 convolution, and the mean over all positions of another. All but the last have batch
    normalisation and ReLU. The last one comes after the mean, as a linear layer, which gives the same logits.

    Args:
        shape: of the images, (H, W, C).
        classes: K.
        width: channels of the first layer, 96 in the paper.
        depth: how often the size is halved.

    Raises:
        BadInput: the shape is not that of an image, or a number is below 1.
    """
    _, _, channels = image("sweep", shape)
    width, depth = check("sweep", "width", width, whole(1)), check("sweep", "depth", depth, whole(1))
    layers = [_conv(channels, width, 3, 1)]
    for step in range(depth):
        wide = width * 2**step
        layers += [_conv(wide, wide, 3, 1), _conv(wide, 2 * wide, 3, 2)]
    last = width * 2**depth
    layers += [_conv(last, last, 3, 1), _conv(last, last, 1, 1)]
    return he_forward(nn.Sequential(*layers, MeanPool(), nn.Linear(last, classes)))


def _conv(inputs: int, outputs: int, size: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


def network(model: str) -> str | Callable[..., nn.Module]:
    """What `Training` takes for the name of a model, among them `sweep` with its options.

    Raises:
        BadInput: options that `sweep` does not have.
    """
    if model.partition(":")[0] != "sweep":
        return model
    (term,) = parse(model, _NETS)
    return partial(sweep, **term.bind(sweep, given=("shape", "classes")))


def shrunk(data: Dataset, by: int) -> Dataset:
    """Images of (H // by, W // by), every pixel the mean of by x by, in both the training and the test split.

    Raises:
        BadInput: the data are not images, or are too small.
    """
    if by == 1:
        return data
    if data.kind != "image" or min(data.shape[:2]) < by:
        raise BadInput(f"{data.name} holds no images whose sides can be divided by {by}")
    test = None if data.test is None else replace(data.test, inputs=_averaged(data.test.inputs[:], by))
    return replace(data, inputs=_averaged(data.inputs[:], by), test=test)


def _averaged(images: np.ndarray, by: int) -> np.ndarray:
    rows, height, width, channels = images.shape
    cut = images[:, : height // by * by, : width // by * by].astype(np.float32)
    means = cut.reshape(rows, height // by, by, width // by, by, channels).mean(axis=(2, 4))
    return np.rint(means).astype(images.dtype) if images.dtype == np.uint8 else means.astype(images.dtype)


def with_deficit(
    training: Training,
    method: Method,
    window: Window,
    restart: bool = False,
    measure: Callable[[Learner, int], dict[str, float]] | None = None,
) -> tuple[Learner, list[dict[str, float]]]:
    """The recipe: train on the rows added as "deficient" within the window and on the training rows outside of it.

    Args:
        training: With the deficient rows added.
        method: What trains in all epochs.
        window: When there is a deficit.
        restart: Whether the optimiser and its learning rate begin anew when a deficit ends.
        measure: Called after an epoch with the learner and the number of the epoch, from 0.

    Returns:
        The learner at the end, and what `measure` found.
    """
    learner, found = training.learner(), []
    for epoch in range(window.epochs):
        if restart and epoch == window.stop > window.start:
            learner = training.add_learner("after", learner.nets)
        training.fit(learner, method, 1, split=_DEFICIENT if window.has(epoch) else None, record=False)
        if measure is not None:
            found.append(training.memoize(f"epoch {epoch}", partial(measure, learner, epoch)))
    return learner, found


@dataclass(frozen=True)
class Deprivation:
    """One training with a deficit in some epochs, tested on clean rows.

    Attributes:
        source: Of the data.
        rows: How many rows to train on; None takes all.
        tested: How many rows to test on; None takes all.
        start: The first epoch with the deficit, from 0.
        stop: The first epoch without it again.
        epochs: Number of epochs.
        seed: Random seed, of the deficit, weights and order.
        model: A catalogue name with its options, "module:function", or `sweep` with its own: "sweep:width=8,depth=2".
        deficit: A corruption spec; None only where `start` equals `stop`.
        schedule: Of the learning rate: "decaying" by `decay` every epoch from the first epoch on, "restarted" when the
            deficit ends, or "fixed".
        rate: The first learning rate.
        decay: Factor of the learning rate after an epoch.
        momentum: Of SGD.
        weight_decay: The L2 coefficient.
        batch_size: Rows per step.
        shrink: See `shrunk`.
        moved: By how many pixels images are moved at most; colour images of 32x32 are augmented anyway.
        flip: Whether half of the images are mirrored.
        follow: Whether to test and to measure the Fisher information after every epoch.

    Raises:
        BadInput: an unknown schedule, or epochs that are not in order.
    """

    source: str
    rows: int | None
    tested: int | None
    start: int
    stop: int
    epochs: int
    seed: int
    model: str = "sweep"
    deficit: str | None = None
    schedule: str = DECAYING
    rate: float = 0.05
    decay: float = 0.97
    momentum: float = 0.0
    weight_decay: float = 1e-3
    batch_size: int = 128
    shrink: int = 1
    moved: int = 0
    flip: bool = False
    follow: bool = False

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise BadInput(f"unknown schedule {self.schedule!r}; available: {', '.join(SCHEDULES)}")

    def run(self, scratch: Path) -> dict[str, Any]:
        """Train; see `deprived`."""
        window = Window(self.start, self.stop, self.epochs)
        data = shrunk(draw(self.source, self.rows, self.tested, None, self.seed), self.shrink)
        training = Training(data, network(self.model), self._config(), folder=scratch, resume=True)
        if self.stop > self.start:
            training.add(_DEFICIENT, _corrupted(data, self.deficit, self.seed))
        method = Moved(self.moved, self.flip) if self.moved or self.flip else Method()
        measure = partial(_measured, training, window) if self.follow else None
        learner, found = with_deficit(training, method, window, self.schedule == RESTARTED, measure)
        ended = {
            "test_accuracy": training.memoize("tested", lambda: _accuracy(training, learner)),
            "parameters": sum(parameter.numel() for parameter in learner.nets.parameters()),
        }
        return {**ended, "history": pd.DataFrame(found)} if self.follow else ended

    def _config(self) -> Config:
        return Config(
            epochs=self.epochs,
            seed=self.seed,
            batch_size=self.batch_size,
            lr=self.rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            schedule="constant" if self.schedule == FIXED else "exponential",
            gamma=self.decay,
            validation=0.0,
            augment="auto" if self.shrink == 1 else "none",
            precision="fp32",
        )


def deprived(source: str, scratch: Path, **fields: Any) -> dict[str, Any]:
    """Train one network with a deficit in some epochs, and test it on clean rows.

    Args:
        source: Of the data.
        scratch: For checkpoints.
        **fields: Further ones of `Deprivation`.

    Returns:
        `test_accuracy`, `parameters`, and, if requested, the table `history`: per epoch, from 1, the
        `test_accuracy`, whether it was `deficient`, and the columns of the probe `fisher`.

    Raises:
        BadInput: an argument is not legal.
        Diverged: the loss became infinite or NaN.
    """
    return Deprivation(source, **fields).run(scratch)


def _corrupted(data: Dataset, deficit: str | None, seed: int) -> Dataset:
    if deficit is None:
        raise BadInput("there are epochs with a deficit, but no deficit is named")
    other = corrupt(replace(data, test=None), deficit, seed)
    if len(other) != len(data):
        raise BadInput(f"deficit={deficit!r} changes which rows there are, but a deficit must keep them")
    return other


def _accuracy(training: Training, learner: Learner) -> float:
    chosen = training.probabilities(Predictor(learner.nets), "test").argmax(dim=1)
    return float((chosen == training.split("test").given).float().mean())


def _measured(training: Training, window: Window, learner: Learner, epoch: int) -> dict[str, float]:
    """What is measured after an epoch; the Fisher information on rows as they were in the epoch."""
    deficient = window.has(epoch)
    rows, probe = training.split(_DEFICIENT) if deficient else training.rows, Fisher(examples=LOOKED)
    with evaluating(learner.nets):
        subject = make_subject(rows, training.data, probe, training.config.seed, learner.nets[0])
        traces = probe.measure(subject)
    return {"epoch": epoch + 1, "deficient": float(deficient), "test_accuracy": _accuracy(training, learner), **traces}


def depriving(**arguments: Any) -> Task:
    """The task of one `deprived`; its title names what differs between runs.

    Raises:
        BadInput: an argument is not plain data.
    """
    return task(deprived, "deprive", **arguments)
