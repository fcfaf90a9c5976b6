"""Asymmetric noise: similar classes are confused, as published for each data set.

    T[i, i] = 1 - rate,   T[i, m(i)] = rate   for the classes confused by the map m; the others stay clean

Patrini, Rozza, Menon, Nock and Qu, Making Deep Neural Networks Robust to Label Noise: a Loss Correction Approach, CVPR
2017. The maps are in `confusions`. `rate` is the rate within the confused classes; over all rows it is lower.

Departures. All labels change at once. Published code changes them class by class in place, so that some rows of two
mutually confused classes are flipped twice. On cifar100 the map follows the superclasses; published code intends this
but uses other blocks (`compat_blocks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.bounds import one_of
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.checks import SHARE, Checked
from noisewise.noise.corruption import CorruptionCard, relabel
from noisewise.noise.labels.confusions import CLASSES, confusion, identify, positions
from noisewise.noise.labels.transition import draw, map_matrix


@dataclass(frozen=True)
class Asymmetric(Checked):
    """Every label of a confused class becomes the class it is confused with, with probability `rate`.

    Args:
        rate: probability in [0, 1], within the confused classes.
        source: "mnist", "fashion-mnist", "cifar10" or "cifar100", or "auto": determined from the class names or, if
            these are only numbers, from the data set's name. If the data do not have the class names of a named
            source, class k is taken to be the source's class k.
        variant: on mnist, "cdr" (2 -> 7, 3 -> 8, 5 <-> 6) or "sce" (also 7 -> 1).
        compat_blocks: on cifar100, blocks of five consecutive classes instead of superclasses, as in published code.
        exact: change exactly round(n_k rate) rows of every confused class k.
    """

    rate: float
    source: str = "auto"
    variant: str = "cdr"
    compat_blocks: bool = False
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="asymmetric",
        does="labels of easily confused classes become the class they are confused with, with probability rate",
        paper="Patrini, Rozza, Menon, Nock and Qu, CVPR 2017",
        example="asymmetric:0.4",
    )
    bounds = {"rate": SHARE, "source": one_of("auto", *CLASSES), "variant": one_of("cdr", "sce")}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with its published confusions in the given labels.

        Raises:
            BadInput: no map is known for this data, or an option belongs to another data set.
        """
        return relabel(data, draw(data.given, map_matrix(self.rate, self.targets(data)), rng, self.exact))

    def targets(self, data: Dataset) -> np.ndarray:
        """(K,) the class that each class of the data is confused with; itself for classes that are not confused.

        Raises:
            BadInput: no map is known for this data, or an option belongs to another data set.
        """
        source, places = self._placed(data)
        self._check_options(source)
        targets = np.arange(len(data.classes))
        for before, after in confusion(source, self.variant, self.compat_blocks).items():
            targets[places[before]] = places[after]
        return targets

    def _placed(self, data: Dataset) -> tuple[str, list[int]]:
        source = identify(data.name, data.classes) if self.source == "auto" else self.source
        if source is None:
            raise BadInput(
                f"'asymmetric' has no confusion map for {data.name!r} with classes {_some(data.classes)}: use "
                f"pair:RATE or matrix:FILE, or say source=NAME if it is one of {', '.join(CLASSES)}"
            )
        places = positions(source, data.classes) or list(range(len(data.classes)))
        if len(places) != len(CLASSES[source]):
            raise BadInput(
                f"source={source} has {len(CLASSES[source])} classes, but {data.name!r} has {len(places)}: use "
                "pair:RATE or matrix:FILE"
            )
        return source, places

    def _check_options(self, source: str) -> None:
        if self.variant != "cdr" and source != "mnist":
            raise BadInput(f"variant={self.variant} is a map of mnist and does nothing on {source}: leave it out")
        if self.compat_blocks and source != "cifar100":
            raise BadInput(f"compat_blocks=true is a map of cifar100 and does nothing on {source}: leave it out")


def _some(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:3]) + (", ..." if len(classes) > 3 else "")
