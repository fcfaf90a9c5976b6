"""Config: the settings of a training."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from noisewise.allowance import AUTO, present
from noisewise.bounds import SEED, Bound, at_least, below, between, check, check_options, number, one_of, whole
from noisewise.data.augment.spec import check_setting
from noisewise.devices import multiplies_bf16
from noisewise.errors import BadInput, nearest, shown
from noisewise.training.history import RULES

OPTIMIZERS = ("sgd", "nesterov", "adam", "adamw")
OWN = ("schedule", "optimizer", "lr")  # who states one of them has a recipe of their own
# Pixels a side from which images train faster in bf16 on a CPU that multiplies it: of `fast` a step takes 1.12 times as
# long at 8 pixels, .91 at 16, .78 at 32 (python -m benchmarks.speed precision).
HALF_FROM = 16
SCHEDULES = ("constant", "cosine", "step", "linear", "exponential", "one-cycle")
BOUNDS: dict[str, Bound] = {
    "epochs": whole(1),
    "batch_size": whole(2),
    "optimizer": one_of(*OPTIMIZERS),
    "lr": at_least(0) | None,
    "least_lr": at_least(0),
    "cycles": whole(1),
    "momentum": below(1),
    "late_momentum": below(1) | None,
    "weight_decay": at_least(0),
    "schedule": one_of(*SCHEDULES),
    "gamma": at_least(0),
    "warmup": between(0, 1),
    "clip_norm": at_least(0) | None,
    "seed": SEED,
    "validation": between(0, 0.9),
    "select": one_of(*RULES),
    "patience": whole(1) | None,
    "normalise": one_of("auto", "none"),
    "precision": one_of("auto", "fp32", "bf16"),
    "compile": one_of("none", "default", "reduce-overhead"),
}


@dataclass(frozen=True, repr=False)
class Config:
    """The settings of one training. Together with the data it determines every weight, on CPU to the bit.

    Numbers are converted to Python's, and to floats where the field is a float: equal Configs are written equally.

    Attributes:
        epochs: number of passes over the training split.
        batch_size: rows per step, at least 2.
        optimizer: "sgd", "nesterov", "adam" or "adamw".
        lr: peak learning rate; None is 0.05 for sgd and nesterov, 0.001 for Adam.
        least_lr: learning rate at the end of "cosine", of each of its cycles.
        cycles: number of equal cycles of "cosine"; at the start of each the rate returns to its peak (warm restarts).
        momentum: of SGD; Adam's first beta.
        late_momentum: momentum from the first milestone on; None keeps it.
        weight_decay: L2 for sgd and adam, decoupled for adamw.
        schedule: of the learning rate: "constant", "cosine", "step", "linear", "exponential" or "one-cycle" (see
            `learning_rate`).
        milestones: increasing shares of the training, for the schedules "step" and "linear", and `late_momentum`.
        gamma: factor at a milestone ("step") or after an epoch ("exponential").
        warmup: share of the training in which the learning rate rises; 0 means 0.3 for "one-cycle".
        clip_norm: largest norm of the gradient, or None.
        seed: random seed, of initial weights, order, augmentation and methods.
        validation: share of the training rows held out, with their given (noisy) labels, for model selection.
        select: the rule that chooses the epoch whose weights are kept: "validation", "label-wave", "agreement" or
            "last" (see `history`); without validation rows "validation" keeps the last.
        patience: stop when the chosen epoch is this many epochs ago; None trains to the end.
        augment: augmentation of every batch: "auto" (by the kind of data), "none", or steps such as "crop:4+flip" (see
            `Augment`).
        strong: augmentation of the second view of methods that can train on a stronger one, likewise; "none" gives
            them another weak view.
        normalise: "auto" normalises inputs by the statistics that the model's card states, else by those of the
            training rows; "none" leaves them as they are, bytes divided by 255.
        precision: "auto", "fp32" or "bf16", in which networks compute under autocast. "auto" is bf16 on a GPU, and on a
            CPU with instructions for it where rows are images of 16 pixels a side or more; else fp32.
        device: "auto" or a torch device, such as "cpu" or "cuda:1".
        compile: "none", or how `torch.compile` translates the networks before the first step, which takes a minute or
            more: "default", or "reduce-overhead", by which a GPU replays their forward and backward pass as CUDA
            graphs. Results change by rounding alone.

    Raises:
        BadInput: a value that is not legal.
    """

    epochs: int = 20
    batch_size: int = 128
    optimizer: str = "sgd"
    lr: float | None = None
    least_lr: float = 0.0
    cycles: int = 1
    momentum: float = 0.9
    late_momentum: float | None = None
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
    strong: str = "none"
    normalise: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    compile: str = "none"

    def __post_init__(self) -> None:
        stated = {name: getattr(self, name) for name in BOUNDS}
        checked = check_options(None, stated, BOUNDS)
        checked |= {f.name: number(checked[f.name]) for f in fields(self) if f.name in checked and "float" in f.type}
        checked |= {"milestones": _milestones(self.milestones), "device": _device(self.device)}
        checked |= {name: check_setting(name, getattr(self, name)) for name in ("augment", "strong")}
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.optimizer == "nesterov" and self.momentum == 0:
            raise BadInput("optimizer='nesterov' needs a momentum above 0, not momentum=0.0; 'sgd' does without")

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
        named = present().device if self.device == AUTO else self.device
        if named == AUTO:
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(named)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            raise BadInput(f"device={named!r} is not available here") from error
        return device

    def torch_precision(self, kind: str, shape: tuple[int, ...]) -> str:
        """ "fp32" or "bf16"; what "auto" is for some rows.

        Args:
            kind: of the data, as in `Dataset.kind`.
            shape: of a row.
        """
        if self.precision != "auto":
            return self.precision
        device, images = self.torch_device.type, kind == "image" and min(shape[:2]) >= HALF_FROM
        return "bf16" if device == "cuda" or (device == "cpu" and images and multiplies_bf16()) else "fp32"

    def plain(self) -> dict[str, Any]:
        """All settings by name, as plain data."""
        return asdict(self)

    def stated(self) -> dict[str, Any]:
        """The settings that differ from the defaults, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default}

    def following(self, recipe: Mapping[str, Any]) -> Config:
        """These settings, completed by a recipe where they state no schedule, optimiser or learning rate.

        Args:
            recipe: settings by name, as on a model's card (`ModelCard.recipe`). One that is stated here, that is,
                differs from its default, stays.
        """
        stated = self.stated()
        if any(name in stated for name in OWN):
            return self
        return replace(self, **{name: value for name, value in recipe.items() if name not in stated})

    def seed_of(self, *parts: int | str, bits: int = 63) -> int:
        """A seed for one purpose, that depends on `seed` and all parts.

        Args:
            *parts: what identifies the purpose, such as a name and a number.
            bits: of the seed; NumPy and scikit-learn take at most 32, torch 63.

        Returns:
            A whole number in [0, 2^bits), the same in every process and on every platform.
        """
        return seeded(self.seed, *parts) % 2**bits


def configured(epochs: int, seed: int, settings: dict[str, Any]) -> Config:
    """Make a Config from epochs, seed and further settings by name.

    Raises:
        BadInput: an unknown name, or a value outside its range.
    """
    known = Config.__dataclass_fields__
    for name in settings:
        if name not in known:
            raise BadInput(f"unknown setting {name!r}{nearest(str(name), known)}; known: {', '.join(known)}")
    return Config(epochs=epochs, seed=seed, **settings)


def seeded(*parts: int | str) -> int:
    """A seed that depends on all parts, stable across processes and platforms."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little") >> 1


def _milestones(value: Any) -> tuple[float, ...]:
    if not isinstance(value, (list, tuple, np.ndarray)) or np.ndim(value) != 1:
        raise BadInput(f"milestones={shown(value)} must be shares of the training, such as (0.5, 0.75)")
    shares = tuple(float(check(None, "milestones", share, between(0, 1))) + 0.0 for share in value)
    if list(shares) != sorted(shares):
        raise BadInput(f"milestones={shares!r} must increase")
    return shares


def _device(value: Any) -> str:
    """The text of a well-formed device; whether it exists here shows when it is used."""
    text = str(value) if isinstance(value, torch.device) else value
    with contextlib.suppress(RuntimeError):
        if isinstance(text, str) and (text == "auto" or torch.device(text).type != "meta"):  # "meta" holds no numbers
            return text
    raise BadInput(f"device={shown(value)} must be 'auto' or a torch device such as 'cpu' or 'cuda:1'")
