"""What the study of critical periods runs at every scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OTHERS = ("noise", "permute", "vflip")


@dataclass(frozen=True)
class Plan:
    """The sizes of the study at one scale; all times are in epochs.

    Attributes:
        settings: arguments of `deprived` for images. blur: the deficit that is varied most.
        net: the model. sweep: models of growing depth.
        clean: how many clean epochs follow on a deficit that was there from the start.
        lengths: of the blur from the start. middle: the one at which deficits and schedules are compared.
        window: of the deficit that begins later. onsets: when it does. whole: epochs of every such training.
        rate: the learning rate where it is fixed.
        plain: arguments of `deprived` for the perceptron. plain_blur: its deficit.
        seeds: how many. unit: epochs of the paper per epoch.
    """

    settings: dict[str, Any]
    blur: str
    net: str
    sweep: tuple[str, ...]
    clean: int
    lengths: tuple[int, ...]
    middle: int
    window: int
    onsets: tuple[int, ...]
    whole: int
    rate: float
    plain: dict[str, Any]
    plain_blur: str
    seeds: int
    unit: int

    @property
    def deficits(self) -> tuple[str, ...]:
        """All deficits, the blur first."""
        return (self.blur, *OTHERS)


_SMALL = {"momentum": 0.9, "decay": 0.97**10}
PLANS = {
    "smoke": Plan(
        settings={"source": "digits", "rows": 100, "tested": 100, "batch_size": 50, **_SMALL},
        blur="blur:2",
        net="sweep:width=4,depth=1",
        sweep=("sweep:width=4,depth=1",),
        clean=1,
        lengths=(1, 2),
        middle=1,
        window=1,
        onsets=(0, 1),
        whole=2,
        rate=0.01,
        plain={"source": "digits", "rows": 100, "tested": 100, "batch_size": 50, "model": "mlp:32x32", **_SMALL},
        plain_blur="blur:2",
        seeds=1,
        unit=80,
    ),
    "cpu": Plan(
        settings={
            "source": "fashion-mnist",
            "rows": 1000,
            "tested": 4000,
            "batch_size": 32,
            "shrink": 2,
            **_SMALL,
        },
        blur="blur:4",
        net="sweep:width=8,depth=2",
        sweep=tuple(f"sweep:width=8,depth={depth}" for depth in (1, 2, 3)),
        clean=16,
        lengths=(2, 4, 7, 10, 14),
        middle=7,
        window=4,
        onsets=(0, 2, 4, 8, 14),
        whole=20,
        rate=0.01,
        plain={"source": "mnist", "rows": 1000, "tested": 4000, "batch_size": 32, "model": "mlp:256x256x256", **_SMALL},
        plain_blur="blur:7",
        seeds=2,
        unit=10,
    ),
    "paper": Plan(
        settings={"source": "cifar10", "rows": None, "tested": None},
        blur="blur:8",
        net="all-cnn",
        sweep=tuple(f"sweep:width=96,depth={depth}" for depth in (1, 2, 3, 4)),
        clean=160,
        lengths=(20, 40, 60, 70, 80, 100, 120, 140),
        middle=70,
        window=40,
        onsets=(0, 20, 40, 70, 100, 140),
        whole=180,
        rate=0.001,
        plain={"source": "mnist", "rows": None, "tested": None, "weight_decay": 0.0}
        | {"model": "mlp:2500x2000x1500x1000x500"},
        plain_blur="blur:7",
        seeds=3,
        unit=1,
    ),
}
