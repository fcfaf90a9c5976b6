"""Config: everything a training is a function of."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import torch

from noisewise.errors import BadInput, nearest
from noisewise.training.stopping import RULES


@dataclass(frozen=True)
class Config:
    """The settings of one training. Together with the data it determines every weight, on CPU to the bit.

    Attributes:
        epochs: passes over the training split. batch_size: rows per step.
        optimizer: sgd, nesterov, adam, adamw. lr: peak learning rate; None is 0.05 for sgd and nesterov, 0.001 for
            Adam.
        momentum: or Adam's first beta.
        weight_decay: L2 for sgd and adam, decoupled for adamw.
        schedule: constant, cosine, step, linear, exponential. milestones: as shares of the training. gamma: see
            `learning_rate`.
        warmup: share of the training in which the learning rate rises.
        clip_norm: largest gradient norm, or None.
        seed: of everything random.
        validation: share of the training rows held out, with their given (noisy) labels, for model selection.
        select: the rule that chooses the epoch whose weights are kept: validation, label-wave, agreement or last (see
            `stopping`); without validation rows `validation` keeps the last.
        patience: stop when the chosen epoch is so many epochs ago; None trains to the end.
        augment: "auto" (by the kind of data) or "none".
        precision: "auto", "fp32" or "bf16". device: "auto" or a torch device.
    """

    epochs: int = 20
    batch_size: int = 128
    optimizer: str = "sgd"
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1
    warmup: float = 0.0
    clip_norm: float | None = None
    seed: int = 0
    validation: float = 0.1
    select: str = "validation"
    patience: int | None = None
    augment: str = "auto"
    precision: str = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        _range("epochs", self.epochs, 1, None)
        _range("batch_size", self.batch_size, 2, None)
        if self.lr is not None:
            _range("lr", self.lr, 0, None)
        _range("momentum", self.momentum, 0, 1)
        _range("weight_decay", self.weight_decay, 0, None)
        _range("validation", self.validation, 0, 0.9)
        _range("warmup", self.warmup, 0, 1)
        _one_of("select", self.select, tuple(RULES))
        _one_of("augment", self.augment, ("auto", "none"))
        _one_of("precision", self.precision, ("auto", "fp32", "bf16"))

    @property
    def peak_lr(self) -> float:
        """The learning rate that schedules start from."""
        if self.lr is not None:
            return self.lr
        return 0.001 if self.optimizer.startswith("adam") else 0.05

    @property
    def torch_device(self) -> torch.device:
        """The device to train on.

        Raises:
            BadInput: the device does not exist here.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise BadInput(f"device={self.device!r} is not available here") from error
        return device

    @property
    def torch_precision(self) -> str:
        """ "fp32" or "bf16"; automatic is bf16 on CUDA and fp32 elsewhere."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if self.torch_device.type == "cuda" else "fp32"

    def plain(self) -> dict[str, Any]:
        """The settings as plain data."""
        return asdict(self)


def configured(epochs: int, seed: int, settings: dict[str, Any]) -> Config:
    """A Config from the two settings that everybody states and further ones by name.

    Raises:
        BadInput: an unknown name, or a value outside its range.
    """
    known = Config.__dataclass_fields__
    for name in settings:
        if name not in known:
            raise BadInput(f"unknown setting {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    return Config(epochs=epochs, seed=seed, **settings)


def seeded(*parts: int | str) -> int:
    """A seed that depends on all parts, stable across processes and platforms."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


def _range(name: str, value: float, low: float | None, high: float | None) -> None:
    if not isinstance(value, (int, float)) or (low is not None and value < low) or (high is not None and value > high):
        legal = f"at least {low}" if high is None else f"between {low} and {high}"
        raise BadInput(f"{name}={value!r} must be {legal}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BadInput(f"{name}={value!r} is not one of {', '.join(known)}")
