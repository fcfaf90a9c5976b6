"""Training until every given label is fitted, shared by the studies of random labels.

Zhang, Bengio, Hardt, Recht and Vinyals, Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017,
section 2 and appendices A and E. Images are cut to the 7/8 in their middle (28x28 of 32x32) and standardised one by
one. Networks are trained by SGD with momentum 0.9, by default without augmentation, dropout and weight decay. The
learning rate is that of the paper and falls by 0.95 every 391 steps, an epoch of the paper.

All losses and accuracies are those of the whole training set in evaluation mode after the epoch, on the given labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from noisewise import models
from noisewise.compute import Task
from noisewise.data.augment.colour import brightness, colour, contrast
from noisewise.data.augment.policies import rotate
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import Normalise
from noisewise.errors import BadInput
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.fit import task
from noisewise.training import Config, Learner, Training
from noisewise.training.method import Method
from noisewise.training.networks import Networks, Predictor

BATCH = 128
TURN, JITTER = 25.0, 0.4
DECAY, DECAY_STEPS = 0.95, 391
ACCURACY, LOSS = 0.99, 0.01
RATES = {"inception-small": 0.1}
RATE = 0.01


def standardised(x: Tensor) -> Tensor:
    """(B, C, H, W) images, each minus its mean and divided by max(its standard deviation, 1 / sqrt(C H W))."""
    flat = x.flatten(1)
    centred = flat - flat.mean(dim=1, keepdim=True)
    root = math.sqrt(flat.shape[1])
    spread = (torch.linalg.vector_norm(centred, dim=1, keepdim=True) / root).clamp_min(1 / root)
    return (centred / spread).reshape(x.shape)


def window(side: int) -> int:
    """How many rows, or columns, of an image of so many are kept: 28 of 32, and 7/8 of any other number."""
    return max(1, side * 7 // 8)


def seen_shape(shape: tuple[int, ...], shrink: int = 1) -> tuple[int, ...]:
    """(H, W, C) of what the network sees of images of a shape, see `Window`; the shape itself for vectors."""
    return shape if len(shape) != 3 else (*(max(1, window(side) // shrink) for side in shape[:2]), shape[2])


def varied(x: Tensor) -> Tensor:
    """(B, C, H, W) images from 0 to 1, each flipped at random, turned by up to 25 degrees and recoloured.

    Appendix E names flips, turns and a jitter of colours, but not how strong the jitter is: here brightness, contrast
    and saturation are multiplied by factors from 0.6 to 1.4. Corners are filled with the mean colour of the batch.
    """
    factors = torch.rand(5, len(x), device=x.device)
    x = torch.where((factors[0] < 0.5)[:, None, None, None], x.flip(-1), x)
    x = rotate(x, TURN * (2 * factors[1] - 1), x.mean(dim=(0, 2, 3))[:, None, None])
    for change, factor in zip((brightness, contrast, colour), 1 + JITTER * (2 * factors[2:] - 1), strict=True):
        x = change(x, factor)
    return x


class Window(nn.Module):
    """A network behind a window on the image: vary, cut, shrink, standardise.

    Args:
        net: (B, C, h, w) to (B, K).
        crop: whether the window lies at a random place in every image in training mode; otherwise, and in evaluation
            mode, it lies in the middle.
        shrink: edge of the squares of pixels that are averaged into one after the cut; what is left over is dropped.
        vary: whether images are changed at random in training mode, see `varied`.
    """

    def __init__(self, net: nn.Module, *, crop: bool = False, shrink: int = 1, vary: bool = False) -> None:
        super().__init__()
        self.net, self.crop, self.shrink, self.vary = net, crop, shrink, vary

    def forward(self, x: Tensor) -> Tensor:
        """(B, K) logits of (B, C, H, W) images."""
        return self.net(self.seen(x))

    def seen(self, x: Tensor) -> Tensor:
        """(B, C, h, w) of (B, C, H, W): what the network is given."""
        if self.vary and self.training:
            x = varied(x)
        cut = _moved(x) if self.crop and self.training else _middle(x)
        return standardised(nn.functional.avg_pool2d(cut, self.shrink) if self.shrink > 1 else cut)


def _middle(x: Tensor) -> Tensor:
    down, across = ((side - window(side)) // 2 for side in x.shape[2:])
    return x[:, :, down : down + window(x.shape[2]), across : across + window(x.shape[3])]


def _moved(x: Tensor) -> Tensor:
    """Windows at random places, one per image."""
    batch, places = len(x), []
    for side in x.shape[2:]:
        start = torch.randint(side - window(side) + 1, (batch, 1), device=x.device)
        places.append(start + torch.arange(window(side), device=x.device))
    down, across = places
    images = torch.arange(batch, device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[images, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Evaluation:
    """Loss and accuracy of networks in evaluation mode.

    Attributes:
        training: Has the rows.
        nets: Its one network.
    """

    training: Training
    nets: Networks

    def train(self) -> dict[str, float]:
        """Loss and accuracy on the given labels of all training rows."""
        loss, right, count = 0.0, 0, 0
        for batch in self.training.passes(self.nets):
            scores, given = batch.scores[0], batch.y.argmax(dim=-1)
            loss += float(nn.functional.cross_entropy(scores, given, reduction="sum"))
            right += int((scores.argmax(dim=-1) == given).sum())
            count += len(given)
        return {"train_loss": loss / count, "train_accuracy": right / count}

    def test(self) -> dict[str, float]:
        """Accuracy on the test rows."""
        chosen = self.training.probabilities(Predictor(self.nets), "test").argmax(dim=1)
        return {"test_accuracy": float((chosen == self.training.split("test").given).float().mean())}


def is_fitted(row: dict[str, Any]) -> bool:
    """Whether an epoch of the history is fitted: an accuracy of at least 0.99 and a loss below 0.01."""
    return bool(row["train_accuracy"] >= ACCURACY and row["train_loss"] < LOSS)


def first_epoch(history: pd.DataFrame, reached: Callable[[pd.DataFrame], pd.Series]) -> int | None:
    """The first epoch, from 1, of a history for which the condition holds; None where there is none."""
    found = history["epoch"][reached(history)]
    return int(found.iloc[0]) if len(found) else None


@dataclass(frozen=True)
class Interpolation:
    """One training of a network on given labels that may be wrong, until it fits them.

    Attributes:
        source: Of the data.
        model: A catalogue name with its options, or "module:function".
        rows: How many rows to train on; None takes all.
        tested: How many rows to test on; None takes all.
        epochs: The most epochs.
        seed: Random seed, of corruption, weights and order.
        corrupt: A corruption spec; None leaves the data as they are.
        rate: The first learning rate; None is the paper's: 0.1 for inception-small, 0.01 for all others.
        decay: Factor of the learning rate every 391 steps.
        weight_decay: The L2 coefficient.
        dropout: The probability of dropout, of networks that have it as an option; see their cards.
        crop: See `Window`; for images.
        shrink: See `Window`; for images.
        vary: See `Window`; for images.
        batch_size: Rows per step.
        precision: "fp32", or "bf16" for the passes through the network.
        stop: Whether to end after the first epoch that is fitted (`is_fitted`); otherwise all epochs are trained.
        follow: Whether to test after every epoch instead of after the last alone.
    """

    source: str
    model: str
    rows: int | None
    tested: int | None
    epochs: int
    seed: int
    corrupt: str | None = None
    rate: float | None = None
    decay: float = DECAY
    weight_decay: float = 0.0
    dropout: float = 0.0
    crop: bool = False
    shrink: int = 1
    vary: bool = False
    batch_size: int = BATCH
    precision: str = "fp32"
    stop: bool = True
    follow: bool = False

    def run(self, scratch: Path) -> dict[str, Any]:
        """Train; see `interpolate`."""
        data = draw(self.source, self.rows, self.tested, self.corrupt, self.seed)
        if data.kind != "image" and (self.crop or self.vary or self.shrink != 1):
            kind = f"inputs of kind {data.kind!r}"
            raise BadInput(f"source={self.source!r} holds {kind}, but only images can be cropped, varied or shrunk")
        whole, rest = divmod(len(data), self.batch_size)
        steps = max(1, whole + (rest > 1))
        config = self._config(steps)
        model = self._model()
        training = Training(data, model, config, folder=scratch, resume=True, normalise=_untouched(data))
        seed = config.seed_of("main", bits=31)
        net = models.build(model, seen_shape(data.shape, self.shrink), len(data.classes), seed=seed)
        behind = Window(net, crop=self.crop, shrink=self.shrink, vary=self.vary) if data.kind == "image" else net
        learner = training.add_learner("main", training.networks([behind]))
        history = _history(training, learner, self.stop, self.follow)
        history["steps"] = steps * history["epoch"]
        return {
            **_summary(history),
            **training.memoize("test", Evaluation(training, learner.nets).test),
            "noise_rate": 0.0 if data.noise_rate is None else data.noise_rate,
            "parameters": models.parameter_count(net),
            "rows": len(data),
            "test_rows": len(training.split("test").given),
            "classes": len(data.classes),
        }

    def _model(self) -> str:
        """The network's spec, with dropout."""
        return (
            f"{self.model}{',' if ':' in self.model else ':'}dropout={self.dropout:g}" if self.dropout else self.model
        )

    def _config(self, steps: int) -> Config:
        """The settings, with the decay of an epoch of so many steps."""
        return Config(
            epochs=self.epochs,
            seed=self.seed,
            batch_size=self.batch_size,
            lr=RATES.get(self.model.partition(":")[0], RATE) if self.rate is None else self.rate,
            schedule="exponential",
            gamma=self.decay ** (steps / DECAY_STEPS),
            weight_decay=self.weight_decay,
            validation=0.0,
            augment="none",
            precision=self.precision,
        )


def interpolate(scratch: Path, **fields: Any) -> dict[str, Any]:
    """Train one network on given labels that may be wrong, until it fits them.

    Args:
        scratch: For checkpoints.
        **fields: Of `Interpolation`.

    Returns:
        `history`: per epoch the `epoch`, `steps` so far, `train_loss`, `train_accuracy` and, if requested,
        `test_accuracy`; `epochs`, `train_loss`, `train_accuracy` and `test_accuracy` at the end; `to_accuracy` and
        `to_fit`, the epochs until the accuracy was 0.99 and until the loss was below 0.01 as well, None where it was
        not; `noise_rate`, the realised share of wrong given labels; `parameters`, `rows`, `test_rows` and `classes`.

    Raises:
        BadInput: an argument is not legal.
        Diverged: the loss became infinite or NaN.
    """
    return Interpolation(**fields).run(scratch)


def _untouched(data: Dataset) -> Normalise | None:
    """Pixels as they are, from 0 to 1, since `Window` standardises images; vectors by their own statistics."""
    if data.kind != "image":
        return None
    return Normalise(torch.zeros(data.shape[-1]), torch.ones(data.shape[-1]))


def _history(training: Training, learner: Learner, stop: bool, follow: bool) -> pd.DataFrame:
    """Train epoch by epoch, and evaluate after each; the history."""
    evaluation, method = Evaluation(training, learner.nets), Method()
    history: list[dict[str, Any]] = []
    for epoch in range(1, training.config.epochs + 1):
        training.fit(learner, method, 1, record=False)
        row = training.memoize(f"epoch {epoch}", lambda: evaluation.train() | (evaluation.test() if follow else {}))
        history.append({"epoch": epoch, **row})
        if stop and is_fitted(row):
            break
    return pd.DataFrame(history)


def _summary(history: pd.DataFrame) -> dict[str, Any]:
    last = history.iloc[-1]
    return {
        "history": history,
        "epochs": len(history),
        "train_loss": float(last["train_loss"]),
        "train_accuracy": float(last["train_accuracy"]),
        "to_accuracy": first_epoch(history, lambda h: h["train_accuracy"] >= ACCURACY),
        "to_fit": first_epoch(history, lambda h: (h["train_accuracy"] >= ACCURACY) & (h["train_loss"] < LOSS)),
    }


def fitting(**arguments: Any) -> Task:
    """The task of one `interpolate`; its title names what differs between runs.

    Raises:
        BadInput: an argument is not plain data.
    """
    return task(interpolate, "fit", version=3, **arguments)


def redrawn(corrupt: pd.Series) -> pd.Series:
    """The share of labels that corruption specs redraw: 0 for None, NaN for other corruptions than `uniform`."""
    return corrupt.fillna("uniform:0").str.extract(r"uniform:(.*)")[0].astype(float)
