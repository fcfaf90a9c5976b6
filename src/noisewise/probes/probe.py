"""The base class of probes: read-only measurements of a network, each with a card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from noisewise.bounds import Bounded, whole
from noisewise.errors import BadInput

Measured = dict[str, float]


@dataclass(frozen=True)
class ProbeCard:
    """Description of a probe, for the catalogue and the documentation.

    Attributes:
        name: name in the catalogue.
        measures: what it measures and how to use it, in one or two sentences.
        columns: the content of each column that it adds to the history, with the unit. A column of one part of the
            network, such as a layer, is called COLUMN/PART and is not listed.
        cost: cost of one measurement, in passes per example measured.
        paper: authors, title and venue.
        year: year of publication.
        departures: differences of this implementation from the paper.
        network: whether it needs a network; a probe that does not can measure a data set alone.
        truth: whether it needs the true labels.
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


def refusal(entry: Any) -> str | None:
    """What an object of another package must be to be a probe; None where it is one."""
    if isinstance(entry, type) and issubclass(entry, Probe) and isinstance(getattr(entry, "card", None), ProbeCard):
        return None
    return "a class derived from noisewise.probes.Probe, with a card"


@dataclass(frozen=True, eq=False)
class Subject:
    """What a probe measures: some training rows, and a network after an epoch.

    Attributes:
        x: (n, ...) float32 inputs of the network, normalised but not augmented.
        given: (n,) int64 given labels.
        classes: K.
        rng: generator on the CPU for the probe's random numbers, in the same state in every epoch.
        network: maps (n, ...) inputs to (n, K) logits, in evaluation mode; a probe must not change it. None if a data
            set is measured alone.
        truth: (n,) int64 true labels; None if they are not known.
    """

    x: Tensor
    given: Tensor
    classes: int
    rng: torch.Generator
    network: nn.Module | None = None
    truth: Tensor | None = None

    @property
    def net(self) -> nn.Module:
        """The network, for probes that need one.

        Raises:
            BadInput: a data set is measured alone.
        """
        if self.network is None:
            raise BadInput("this probe measures networks: attach it to a training (noisewise train --probe NAME)")
        return self.network


class Probe(Bounded):
    """A read-only measurement of a network on some training rows, after an epoch.

    Args:
        examples: number of training rows to measure; all rows if there are fewer.
        every: number of epochs between measurements; the first and the last planned epoch are always measured.

    Raises:
        BadInput: an option is out of range.
    """

    card: ClassVar[ProbeCard]
    bounds = {"examples": whole(2), "every": whole(1)}

    def __init__(self, examples: int = 256, every: int = 1) -> None:
        self.examples, self.every = examples, every

    def measure(self, subject: Subject) -> Measured:
        """Measure the subject.

        The network's weights, buffers, gradients and mode, and the global random state, do not change.

        Returns:
            Values by column of the history (see `ProbeCard.columns`); NaN where a quantity is not defined.

        Raises:
            BadInput: this subject cannot be measured.
        """
        raise NotImplementedError
