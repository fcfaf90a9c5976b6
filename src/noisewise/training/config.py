"""Config: everything a training is a function of."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from numbers import Integral
from typing import Any

import numpy as np
import torch

from noisewise.errors import BadInput, nearest
from noisewise.training.history import RULES

OPTIMIZERS = ("sgd", "nesterov", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "step", "linear", "exponential")


@dataclass(frozen=True, repr=False)
class Config:
    """The settings of one training. Together with the data it determines every weight, on CPU to the bit.

    Numbers may be NumPy's and become Python's.

    Attributes:
        epochs: number of passes over the training split.
        batch_size: rows per step, at least 2.
        optimizer: "sgd", "nesterov", "adam" or "adamw".
        lr: peak learning rate; None is 0.05 for sgd and nesterov, 0.001 for Adam.
        momentum: of SGD; Adam's first beta.
        weight_decay: L2 for sgd and adam, decoupled for adamw.
        schedule: of the learning rate: "constant", "cosine", "step", "linear" or "exponential" (see `learning_rate`).
        milestones: increasing shares of the training, for the schedules "step" and "linear".
        gamma: factor at a milestone ("step") or after an epoch ("exponential").
        warmup: share of the training in which the learning rate rises.
        clip_norm: largest norm of the gradient, or None.
        seed: random seed, of initial weights, order, augmentation and methods.
        validation: share of the training rows held out, with their given (noisy) labels, for model selection.
        select: the rule that chooses the epoch whose weights are kept: "validation", "label-wave", "agreement" or
            "last" (see `history`); without validation rows "validation" keeps the last.
        patience: stop when the chosen epoch is this many epochs ago; None trains to the end.
        augment: "auto" (by the kind of data) or "none".
        precision: "auto", "fp32" or "bf16".
        device: "auto" or a torch device.

    Raises:
        BadInput: a value that is not legal.
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
        checked = {
            "epochs": whole_number("epochs", self.epochs, 1),
            "batch_size": whole_number("batch_size", self.batch_size, 2),
            "lr": None if self.lr is None else number("lr", self.lr, 0),
            "momentum": number("momentum", self.momentum, 0, 1),
            "weight_decay": number("weight_decay", self.weight_decay, 0),
            "milestones": _milestones(self.milestones),
            "gamma": number("gamma", self.gamma, 0),
            "warmup": number("warmup", self.warmup, 0, 1),
            "clip_norm": None if self.clip_norm is None else number("clip_norm", self.clip_norm, 0),
            "seed": whole_number("seed", self.seed, 0),
            "validation": number("validation", self.validation, 0, 0.9),
            "patience": None if self.patience is None else whole_number("patience", self.patience, 1),
            "optimizer": _one_of("optimizer", self.optimizer, OPTIMIZERS),
            "schedule": _one_of("schedule", self.schedule, SCHEDULES),
            "select": _one_of("select", self.select, tuple(RULES)),
            "augment": _one_of("augment", self.augment, ("auto", "none")),
            "precision": _one_of("precision", self.precision, ("auto", "fp32", "bf16")),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.stated().items())})"

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
        """All settings by name, as plain data."""
        return asdict(self)

    def stated(self) -> dict[str, Any]:
        """The settings that differ from the defaults, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}

    def seed_of(self, *parts: int | str, bits: int = 63) -> int:
        """A seed for one purpose, that depends on `seed` and all parts.

        Args:
            *parts: what tells the purpose from all others, such as a name and a number.
            bits: of the seed; NumPy and scikit-learn take no more than 32, torch 63.

        Returns:
            A whole number in [0, 2^bits), the same in every process and on every platform.
        """
        return seeded(self.seed, *parts) % 2**bits


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


def number(name: str, value: Any, low: float, high: float | None = None) -> float:
    """The value, a NumPy scalar as a Python one.

    Args:
        name: of the setting, for the message.
        value: what was given.
        low: least legal value.
        high: largest legal value; None is any finite number.

    Raises:
        BadInput: not a number, not finite, or outside of the range.
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool) or not isinstance(plain, (int, float)) or not low <= plain <= (high or math.inf):
        legal = f"at least {low}" if high is None else f"between {low} and {high}"
        raise BadInput(f"{name}={plain!r} must be {legal}")
    if math.isinf(plain):
        raise BadInput(f"{name}={plain!r} must be finite")
    return plain


def whole_number(name: str, value: Any, low: int) -> int:
    """The value as an int.

    Args:
        name: of the setting, for the message.
        value: what was given; NumPy integers are whole numbers, booleans are not.
        low: least legal value.

    Raises:
        BadInput: not a whole number, or below the least.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral) or value < low:
        raise BadInput(f"{name}={value!r} must be a whole number of at least {low}")
    return int(value)


def _milestones(value: Any) -> tuple[float, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise BadInput(f"milestones={value!r} must be shares of the training, such as (0.5, 0.75)")
    shares = tuple(number("milestones", share, 0, 1) for share in value)
    if list(shares) != sorted(shares):
        raise BadInput(f"milestones={shares!r} must increase")
    return shares


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        hint = nearest(value, known) if isinstance(value, str) else ""
        raise BadInput(f"{name}={value!r} is not one of {', '.join(known)}{hint}")
    return str(value)
