"""Networks trained with or without adversarial examples, and attacks on them, step by step.

Madry, Makelov, Schmidt, Tsipras and Vladu, Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018,
section 2.1. Radii are in units of the raw range [0, 1] of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods.inputs.pgd_training import PGDTraining
from noisewise.models import checks
from noisewise.models.attacks import PACE, Ascent, aimed
from noisewise.models.layers import MaxPool2x2
from noisewise.training import Config, Learner, Training
from noisewise.training.method import Method
from noisewise.training.networks import Networks, eval_forward

BLOCK = 250
# By name, the options that make an attack of projected gradient descent in the maximum norm from a random start.
ATTACKS: dict[str, dict[str, str]] = {
    "pgd": {},
    "fgsm": {"start": "input"},
    "cw": {"loss": "margin"},
    "targeted": {"target": "next"},
    "l2": {"norm": "l2"},
}


def challenge_net(shape: tuple[int, ...], classes: int, width: int = 32, hidden: int = 1024) -> nn.Sequential:
    """The network of Madry et al. for MNIST: two 5x5 convolutions, each with pooling, and a hidden layer.

    Args:
        shape: (H, W, C), sides of at least 4.
        classes: Number of classes, K.
        width: Channels of the first convolution; the second has twice as many.
        hidden: Number of hidden units.

    Raises:
        BadInput: vectors.
    """
    down, across, channels = checks.image("challenge_net", shape)
    return nn.Sequential(
        nn.Conv2d(channels, width, 5, padding=2),
        nn.ReLU(),
        MaxPool2x2(),
        nn.Conv2d(width, 2 * width, 5, padding=2),
        nn.ReLU(),
        MaxPool2x2(),
        nn.Flatten(),
        nn.Linear(2 * width * (down // 4) * (across // 4), hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def narrow_net(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """`challenge_net` with 8 and 16 channels and 128 hidden units."""
    return challenge_net(shape, classes, width=8, hidden=128)


@dataclass(frozen=True)
class Defence:
    """How inputs are attacked in training.

    Attributes:
        eps: Radius.
        steps: Of the attack.
        warm: Number of epochs over which the radius grows to eps, in equal parts.
    """

    eps: float
    steps: int
    warm: int = 0

    def stages(self, epochs: int) -> list[tuple[Method, int]]:
        """Methods and for how many epochs each trains."""
        radii = [(self.eps * (k + 1) / (self.warm + 1), 1) for k in range(min(self.warm, epochs - 1))]
        radii.append((self.eps, epochs - len(radii)))
        return [(PGDTraining(eps=eps, steps=self.steps), count) for eps, count in radii]


def trained_net(
    data: Dataset,
    model: str,
    config: Config,
    defence: Defence | None = None,
    *,
    folder: Path | None = None,
) -> tuple[Training, Learner]:
    """A network trained on attacked inputs, or on inputs as they are; nothing is evaluated during training.

    Args:
        data: Images with a test split.
        model: As in `noisewise.train`.
        config: The settings.
        defence: How inputs are attacked; None leaves them as they are.
        folder: For checkpoints; None keeps none.

    Raises:
        BadInput: no images, or a model that cannot be built for them.
        Diverged: a loss that is not finite.
    """
    if data.kind != "image":
        raise BadInput(f"{data.name} holds inputs of kind {data.kind!r}, but only images have a range to stay in")
    training = Training(data, model, config, folder=folder, resume=folder is not None)
    learner = training.learner()
    for method, epochs in defence.stages(config.epochs) if defence else [(Method(), config.epochs)]:
        training.fit(learner, method, epochs, record=False)
    training.finish()
    return training, learner


@dataclass(frozen=True, eq=False)
class Attacked:
    """Inputs after an attack.

    Attributes:
        inputs: (n, H, W, C) from 0 to 1.
        accuracy: Share of rows whose predicted class is the given one.
        losses: (steps + 1,) mean cross entropy with the given classes, at the start and after every step.
        largest: The largest distance of any input from where it was, in the norm of the attack.
    """

    inputs: np.ndarray
    accuracy: float
    losses: np.ndarray
    largest: float


def attack(
    training: Training, nets: Networks, split: str, eps: float, steps: int, seed: int = 0, kind: str = "pgd"
) -> Attacked:
    """Attack the inputs of a split, in evaluation mode.

    A step is 2.5 eps / steps long; the fast gradient sign method takes one. A radius of 0 leaves inputs as they are.

    Args:
        training: For the rows and their preparation.
        nets: What is attacked.
        split: "train" or "test".
        eps: Radius.
        steps: How many, at least 1.
        seed: Random seed of the start.
        kind: A name of `ATTACKS`.
    """
    rows, options = training.rows if split == "train" else training.split(split), ATTACKS[kind]
    steps = 1 if kind == "fgsm" else steps
    one = PGDTraining(eps=eps, step_size=PACE * eps / steps, steps=1, **options)
    one.prepare(training.task)
    ascent, wanted_class = Ascent(eps, 0, norm=one.ascent.norm), one.aim
    rng = torch.Generator().manual_seed(seed)
    parts, losses, right, largest = [], torch.zeros(steps + 1, dtype=torch.float64), 0, 0.0
    for at, raw in rows.stream(torch.arange(len(rows)), BLOCK):
        x, given = rows.prepare(raw, None), rows.given[at]
        y = one_hot(aimed(given, training.classes, wanted_class), training.classes).float()
        scale, middle = (v.reshape(-1, 1, 1).to(x.device) for v in (rows.normalise.std, rows.normalise.mean))
        moved = x
        if one.start == "random":
            noise = ascent.random(x.cpu(), rng).to(x.device)
            moved = ascent.project(x + one.unit * noise, x, one.unit, one.box)
        loss, hits = _loss(nets, moved, given)
        losses[0] += loss
        for step in range(1, steps + 1):
            moved = one.attack(nets, x, y, moved - x)
            loss, hits = _loss(nets, moved, given)
            losses[step] += loss
        right += hits
        change = ((moved - x) * scale).flatten(1)
        far = change.norm(dim=1) if ascent.norm == "l2" else change.abs().amax(dim=1)
        largest = max(largest, float(far.max()))
        parts.append((moved * scale + middle).permute(0, 2, 3, 1).cpu().numpy())
    return Attacked(np.concatenate(parts), right / len(rows), (losses / len(rows)).numpy(), largest)


@torch.no_grad()
def _loss(nets: Networks, x: Tensor, given: Tensor) -> tuple[float, int]:
    """The summed cross entropy of the first network, and how many rows it predicts as given."""
    logits = eval_forward(nets, x)[0]
    return float(cross_entropy(logits, given, reduction="sum")), int((logits.argmax(dim=1) == given).sum())


def as_bytes(inputs: np.ndarray) -> np.ndarray:
    """Images from 0 to 1 as bytes, rounded."""
    return np.rint(np.clip(inputs, 0, 1) * 255).astype(np.uint8)


def lengths(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) the Euclidean distances of images (n, H, W, C) of bytes, in units of the range of a pixel."""
    difference = (one.astype(np.float64) - other.astype(np.float64)) / 255
    found: np.ndarray = np.sqrt(np.square(difference).sum(axis=(1, 2, 3)))
    return found


def random_like(inputs: np.ndarray, moved: np.ndarray, eps: float, seed: int) -> np.ndarray:
    """Images of bytes with random noise of the same Euclidean length, row by row, as another perturbation of theirs.

    Every pixel moves by eps up or down, as far as its range lets it; then each row's noise is shortened or lengthened
    to the length wanted. Where it is lengthened pixels may reach the end of their range, and rows stay a little short.

    Args:
        inputs: (n, H, W, C) bytes.
        moved: (n, H, W, C) bytes, the same images perturbed.
        eps: How far pixels move.
        seed: Random seed of the noise.
    """
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=inputs.shape)
    base = inputs / 255.0
    noise = np.clip(base + eps * signs, 0, 1) - base
    own = np.sqrt(np.square(noise).sum(axis=(1, 2, 3)))
    factor = lengths(inputs, moved) / np.maximum(own, 1e-12)
    return as_bytes(base + noise * factor[:, None, None, None])


def perturbed(data: Dataset, inputs: np.ndarray) -> Dataset:
    """The data set with other training inputs (n, H, W, C) of bytes; labels and test rows stay."""
    return replace(data, inputs=inputs)
