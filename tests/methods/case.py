"""How one method is tested. An entry of the catalogue without a case fails `test_conformance`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from noisewise.training.method import Method
from noisewise.training.networks import Networks

CLASSES = 4
Make = Callable[[Networks], Method]


@dataclass(frozen=True)
class Case:
    """How one method is tested.

    Attributes:
        spec: by name, with settings for a few epochs on a few rows.
        step: the method that acts within a step, made for a peer network.
        accuracy: reached on digits with 40 % symmetric noise by `test_learns`, with seed 0; measured, less 0.04.
        neutral: the same at a setting that equals cross entropy, if there is one.
        smooth: where the objective is a differentiable function of the logits; by default `step`.
        draws: its edit draws random numbers.
        counts: networks it is tried with.
        passes: rows pass through the network that the training is given.
        counted: the spec whose passes are counted on a few hundred rows; by default the name alone.
    """

    spec: str
    step: Make
    accuracy: float
    neutral: Make | None = None
    smooth: Make | None = None
    draws: bool = False
    counts: tuple[int, ...] = (1, 2)
    passes: bool = True
    counted: str | None = None


def confusion(share: float = 0.1) -> Tensor:
    """Symmetric confusions: relabelling the classes leaves them as they are."""
    return torch.full((CLASSES, CLASSES), share) + (1 - CLASSES * share) * torch.eye(CLASSES)


def symmetric(classes: int, rate: float) -> Tensor:
    """T of symmetric noise, in float64."""
    off = rate / (classes - 1)
    return torch.full((classes, classes), off).double() + (1 - rate - off) * torch.eye(classes).double()
