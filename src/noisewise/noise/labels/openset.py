"""Open-set noise: the inputs of some rows replaced by others that belong to none of the classes.

Wang, Liu, Ma, Bailey, Zha, Song and Xia, Iterative Learning with Open-set Noisy Labels, CVPR 2018. The number of rows
and the given labels stay; what is wrong about a replaced row is that no label would be right.

The truth of a row is one of the classes and cannot say "none of them": it stays as it is, so that these rows do not
count in the noise rate. `noisewise.data.openset.open_rows` tells which they are, from the record, and a trusted split
is drawn from the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput
from noisewise.noise import checks
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.gaussian import finite_moments, gaussian_like
from noisewise.noise.inputs.rewriting import count_changed, images, no_text, reinput
from noisewise.noise.inputs.white_noise import white
from noisewise.noise.labels.transition import leaving_exactly


@dataclass(frozen=True)
class OpenSet:
    """Every input is replaced with probability `rate` by one that is none of the classes.

    Args:
        rate: in [0, 1].
        source: what takes their place: "gaussian" (noise with the mean and variance of the data), "noise" (uniform
            noise, for images), or the name or path of another data set with inputs of the same shape. Of that, training
            rows are drawn without replacement, save those of classes that the data have too, by name.
        exact: replace exactly round(n_k rate) rows of every class k.
    """

    rate: float
    source: str = "gaussian"
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="openset",
        does="each input is replaced by noise, or by one of another data set, with probability rate; its label stays",
        paper="Wang, Liu, Ma, Bailey, Zha, Song and Xia, CVPR 2018",
        example="openset:0.4",
        changes="inputs",
    )

    def __post_init__(self) -> None:
        checks.share("openset", "rate", self.rate)
        checks.switch("openset", "exact", self.exact)
        if not isinstance(self.source, str):
            raise BadInput(f"the source of 'openset' must be gaussian, noise or a data set, not {self.source!r}")

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """The data set with other inputs in some rows, and a record that lists the index of these rows.

        Raises:
            BadInput: texts, or a source that cannot be read, does not fit or has too few rows.
        """
        no_text("openset", data)
        if self.exact:
            chosen = leaving_exactly(data.given, np.full(len(data.classes), float(self.rate)), rng)
        else:
            chosen = rng.random(len(data)) < self.rate
        inputs = np.array(data.inputs[:])
        others = self._others(data, int(chosen.sum()), rng)
        changed = count_changed(inputs[chosen], others)
        inputs[chosen] = others
        record: dict[str, Any] = {"step": "corrupt", "inputs_changed": changed / len(data), "source": self.source}
        return reinput(data, inputs, {**record, "open_rows": data.index[chosen].tolist()})

    def _others(self, data: Dataset, count: int, rng: np.random.Generator) -> np.ndarray:
        shape, dtype = (count, *data.shape), data.inputs.dtype
        if self.source == "gaussian":
            return gaussian_like(shape, *finite_moments("openset", data), dtype, rng)
        if self.source == "noise":
            images("openset:source=noise", data)
            return white(shape, dtype, rng)
        return _drawn(_fitting(load(self.source), data), data, count, rng)


def _fitting(source: Dataset, data: Dataset) -> Dataset:
    if (source.kind, source.shape, source.inputs.dtype) != (data.kind, data.shape, data.inputs.dtype):
        raise BadInput(
            f"source={source.name} of 'openset' holds {_said(source)}, but {data.name!r} holds {_said(data)}: "
            "they must be alike"
        )
    return source


def _said(data: Dataset) -> str:
    return f"inputs of kind {data.kind!r}, shape {data.shape} and type {data.inputs.dtype}"


def _drawn(source: Dataset, data: Dataset, count: int, rng: np.random.Generator) -> np.ndarray:
    foreign = [i for i, name in enumerate(source.classes) if name not in data.classes]
    rows = np.flatnonzero(np.isin(source.given, foreign))
    if len(rows) < count:
        raise BadInput(
            f"source={source.name} of 'openset' has {len(rows)} rows of classes that {data.name!r} has not, but "
            f"{count} are to be replaced: use a smaller rate or another source"
        )
    return np.asarray(source.inputs[np.sort(rng.choice(rows, count, replace=False))])[rng.permutation(count)]
