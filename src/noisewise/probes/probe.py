"""What a probe is: a card, and a measurement of a network that leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from noisewise.errors import BadInput

Measured = dict[str, float]


@dataclass(frozen=True)
class ProbeCard:
    """What a person is told about a probe.

    Attributes:
        name: in the catalogue.
        measures: what it measures and what that is good for, in one or two sentences.
        columns: by column of the history what stands there, with the unit. A column of one part of the network, such as
            a layer, is called COLUMN/PART and is not named here.
        cost: what one measurement costs, in passes per example measured.
        paper: authors, title and where it was published.
        year: of it.
        departures: where it departs from the paper.
        network: whether there must be a network; a probe without one can measure a data set alone.
        truth: whether the true labels must be known.
    """

    name: str
    measures: str
    columns: Mapping[str, str]
    cost: str
    paper: str
    year: int
    departures: str = "none known"
    network: bool = True
    truth: bool = False


@dataclass(frozen=True, eq=False)
class Subject:
    """What a probe looks at: some training rows, and a network as it is after an epoch.

    Attributes:
        x: (n, ...) float32 inputs, prepared as the network is given them, not augmented.
        given: (n,) int64 given labels.
        classes: K.
        rng: for what the probe draws, on the CPU; the same in every epoch.
        network: in evaluation mode, (n, ...) to (n, K) logits; it must be left as it was. None where a data set is
            measured alone.
        truth: (n,) int64 true labels; None where they are not known.
    """

    x: Tensor
    given: Tensor
    classes: int
    rng: torch.Generator
    network: nn.Module | None = None
    truth: Tensor | None = None

    @property
    def net(self) -> nn.Module:
        """The network.

        Raises:
            BadInput: a data set is measured alone.
        """
        if self.network is None:
            raise BadInput("this probe measures networks: attach it to a training (noisewise train --probe NAME)")
        return self.network


class Probe:
    """A read-only measurement of training, of some rows, after an epoch.

    Args:
        examples: how many training rows to look at; all where there are fewer.
        every: after how many epochs it measures again; the first and the last that was planned are always measured.

    Raises:
        BadInput: an option outside its range.
    """

    card: ClassVar[ProbeCard]

    def __init__(self, examples: int = 256, every: int = 1) -> None:
        whole_from(self.card.name, "examples", examples, 2)
        whole_from(self.card.name, "every", every, 1)
        self.examples, self.every = examples, every

    def measure(self, subject: Subject) -> Measured:
        """Numbers by column of the history (see `ProbeCard.columns`); NaN where something is not defined.

        The network's weights, buffers, gradients and mode, and the global random state, are afterwards what they were.

        Raises:
            BadInput: a subject that cannot be measured.
        """
        raise NotImplementedError


def at_least(probe: str, option: str, value: float, least: float) -> None:
    """Refuse an option's value below its least.

    Raises:
        BadInput: it is below, or no number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise BadInput(f"{probe}: {option}={value!r} must be at least {least:g}")


def whole_from(probe: str, option: str, value: int, least: int) -> None:
    """Refuse an option's value that is no whole number, or below its least.

    Raises:
        BadInput: it is.
    """
    at_least(probe, option, value, least)
    if not isinstance(value, int):
        raise BadInput(f"{probe}: {option}={value!r} must be a whole number")
