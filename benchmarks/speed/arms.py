"""Arms that several comparisons share: a training by this library, and plain loops as one writes them by hand."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from noisewise.data import Augment, Dataset
from noisewise.methods import METHODS
from noisewise.models import build as build_model
from noisewise.models.architectures.resnet import Block as ResidualBlock
from noisewise.models.architectures.resnet import _projected, _resnet
from noisewise.training import Config, Training
from noisewise.training.streams import Streams

CLASSES = 10


def narrow_resnet(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """ResNet-18 with a quarter of its channels."""
    return _resnet(shape[-1], classes, (16, 32, 64, 128), (2, 2, 2, 2), _projected(ResidualBlock), padding=1)


@dataclass(frozen=True)
class Case:
    """A network with the images it trains on.

    Attributes:
        name: in the table.
        model: a name of the catalogue or a function.
        size: height and width of the images.
        channels: of the images.
        augment: as in `Config`.
        precision: likewise.
        rows: how many images.
    """

    name: str
    model: Any
    size: int
    channels: int
    augment: str = "none"
    precision: str = "fp32"
    rows: int = 12_800

    def config(self, **more: Any) -> Config:
        """The settings of a training, with others in place of the defaults."""
        stated: dict[str, Any] = {"augment": self.augment, "precision": self.precision, "validation": 0.0}
        return Config(**{**stated, "device": "cpu", **more})

    def data(self) -> Dataset:
        """Images whose mean brightness tells their class, with 30 % of the labels redrawn."""
        rng = np.random.default_rng(0)
        truth = rng.integers(CLASSES, size=self.rows)
        images = rng.integers(0, 100, (self.rows, self.size, self.size, self.channels), dtype=np.uint8)
        images += (15 * truth).astype(np.uint8)[:, None, None, None]
        given = np.where(rng.random(self.rows) < 0.3, rng.integers(CLASSES, size=self.rows), truth)
        return Dataset(images, given, tuple(map(str, range(CLASSES))), "image", truth=truth)


LENET = Case("LeNet, 28x28x1", "lenet", 28, 1)
MLP = Case("MLP 512x512, 28x28x1", "mlp", 28, 1)
FAST = Case("fast, 32x32x3, bf16", "fast", 32, 3, "crop:4+flip", "bf16")
NARROW = Case("ResNet-18 of a quarter width, 32x32x3, bf16", narrow_resnet, 32, 3, "crop:4+flip", "bf16")
CASES = (LENET, MLP, FAST, NARROW)


def trained(case: Case, method: str | Any = "ce", *, ledger: bool = True, data: Dataset | None = None) -> Callable:
    """A step of a training by this library, endlessly; work at the end of an epoch is part of its last step.

    Args:
        case: the network and its images.
        method: the name of a method, or a method.
        ledger: whether the ledger records.
        data: the rows; default: those of the case.
    """
    training = Training(case.data() if data is None else data, case.model, case.config(epochs=1000))
    made = METHODS[method]() if isinstance(method, str) else method
    learner, joint = training.learner(networks=made.networks or 1), training._register(made)
    auxiliary = {name: (training.split(name), None) for name in made.auxiliary}
    streams = Streams(training.rows, None, auxiliary, training.config.batch_size, training.classes)
    if not ledger:
        training.ledger = NoLedger()  # type: ignore[assignment]

    def steps() -> Iterator[float]:
        while True:
            yield from training._steps(learner, made, joint, streams)

    return steps().__next__


class NoLedger:
    """Records nothing."""

    def knows(self, index: Tensor) -> bool:
        return True

    def observe(self, batch: object, *, known: bool = False) -> None:
        pass

    def flush(self) -> None:
        pass

    def end_epoch(self, passes: object) -> None:
        pass


@dataclass
class Loop:
    """What plain loops share: a network, an optimiser and one step of cross entropy."""

    case: Case
    config: Config = field(init=False)
    net: nn.Module = field(init=False)
    optimizer: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        self.config = self.case.config()
        shape = (self.case.size, self.case.size, self.case.channels)
        self.net = build_model(self.case.model, shape, CLASSES, seed=0)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), self.config.peak_lr, self.config.momentum, weight_decay=5e-4, fused=True
        )

    def step(self, x: Tensor, y: Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.case.precision == "bf16"):
            logits = self.net(x)
        loss = functional.cross_entropy(logits.float(), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def plain(case: Case) -> Callable:
    """A step of a plain loop on tensors, endlessly: bytes in memory, a batch normalised and augmented as a whole."""
    data, loop = case.data(), Loop(case)
    images, labels = torch.from_numpy(np.asarray(data.inputs[:])), torch.tensor(data.given)
    mean, std = images[:1000].float().mean((0, 1, 2)), images[:1000].float().std((0, 1, 2))
    mean, std = mean.reshape(-1, 1, 1), std.reshape(-1, 1, 1)
    augment = None if case.augment == "none" else Augment(case.augment)
    rng = torch.Generator().manual_seed(0)

    def steps() -> Iterator[None]:
        while True:
            for at in torch.randperm(len(images), generator=rng).split(loop.config.batch_size):
                x = (images[at].permute(0, 3, 1, 2).float() - mean) / std
                loop.step(x if augment is None else augment(x, rng), labels[at])
                yield

    return steps().__next__


def transforms(size: int, channels: int, augmented: bool) -> tuple[Callable[[Image.Image], Tensor], str]:
    """Transforms of one image, and whose they are: torchvision's where it is installed, else the same by Pillow."""
    try:
        from torchvision import transforms as ready
    except (ImportError, RuntimeError):  # RuntimeError: of another build of torch
        return partial(by_pillow, augmented=augmented), "Pillow's"
    moves = [ready.RandomCrop(size, 4, padding_mode="reflect"), ready.RandomHorizontalFlip()] if augmented else []
    normalise = ready.Normalize((0.5,) * channels, (0.25,) * channels)
    return ready.Compose([*moves, ready.ToTensor(), normalise]), "torchvision's"


def by_pillow(image: Image.Image, augmented: bool) -> Tensor:
    """A random crop of the image padded by 4 pixels, mirrored or not, as normalised numbers."""
    if augmented:
        size = image.size[0]
        padded = Image.fromarray(np.pad(np.asarray(image), ((4, 4), (4, 4), (0, 0)), mode="reflect"))
        left, top = random.randint(0, 8), random.randint(0, 8)
        image = padded.crop((left, top, left + size, top + size))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    x = pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255)
    return x.sub_(0.5).div_(0.25)


class PerImage(TorchDataset):
    """Rows as torchvision's data sets give them: an image of Pillow, through one transform after the other."""

    def __init__(self, data: Dataset, augmented: bool) -> None:
        self.images, self.labels = np.asarray(data.inputs[:]), data.given.tolist()
        self.transform = transforms(data.shape[0], data.shape[-1], augmented)[0]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[row].squeeze())), self.labels[row]


def by_loader(case: Case) -> Callable:
    """A step of the same loop over a DataLoader without workers, which transforms image by image; endlessly."""
    loop = Loop(case)
    rows = PerImage(case.data(), case.augment != "none")
    loader: DataLoader = DataLoader(rows, loop.config.batch_size, shuffle=True, drop_last=True)

    def steps() -> Iterator[None]:
        while True:
            for x, y in loader:
                loop.step(x.to(memory_format=torch.channels_last), y)
                yield

    return steps().__next__
