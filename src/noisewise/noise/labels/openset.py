"""Open-set noise: some inputs are replaced by inputs that do not belong to any of the classes.

Wang, Liu, Ma, Bailey, Zha, Song and Xia, Iterative Learning with Open-set Noisy Labels, CVPR 2018. The number of rows
and the given labels do not change. No label is correct for a replaced row.

The truth of a row must be one of the classes and cannot express "none of them". It is therefore left unchanged, and
replaced rows do not count in the noise rate. `noisewise.data.openset.open_rows` finds them from the record, and a
trusted split is drawn from the other rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from noisewise.bounds import Bound
from noisewise.data.dataset import Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput
from noisewise.noise.checks import SHARE, Checked
from noisewise.noise.corruption import CorruptionCard
from noisewise.noise.inputs.gaussian import finite_moments, gaussian_like
from noisewise.noise.inputs.rewriting import check_images, check_not_text, count_changed, reinput
from noisewise.noise.inputs.white_noise import uniform_noise
from noisewise.noise.labels.transition import choose_exactly

SOURCE = Bound("be gaussian, noise or a data set", lambda value: isinstance(value, str))


@dataclass(frozen=True)
class OpenSet(Checked):
    """Every input is replaced, with probability `rate`, by an input outside the classes.

    Args:
        rate: probability in [0, 1].
        source: where the new inputs come from: "gaussian" (noise with the mean and variance of the data), "noise"
            (uniform noise, for images), or the name or path of another data set with inputs of the same shape. From a
            data set, training rows are drawn without replacement, among classes whose names the data do not have.
        exact: replace exactly round(n_k rate) rows of every class k.
    """

    rate: float
    source: str = "gaussian"
    exact: bool = False

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="openset",
        does="each input is replaced by noise, or by an input of another data set, with probability rate; labels stay",
        paper="Wang, Liu, Ma, Bailey, Zha, Song and Xia, CVPR 2018",
        example="openset:0.4",
        changes="inputs",
    )
    bounds = {"rate": SHARE, "source": SOURCE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with new inputs in some rows, and a record that lists the index of these rows.

        Raises:
            BadInput: the inputs are texts, or the source cannot be read, does not fit or has too few rows.
        """
        check_not_text("openset", data)
        if self.exact:
            chosen = choose_exactly(data.given, np.full(len(data.classes), float(self.rate)), rng)
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
            check_images("openset:source=noise", data)
            return uniform_noise(shape, dtype, rng)
        return _draw_rows(_check_alike(load(self.source), data), data, count, rng)


def _check_alike(source: Dataset, data: Dataset) -> Dataset:
    if (source.kind, source.shape, source.inputs.dtype) != (data.kind, data.shape, data.inputs.dtype):
        raise BadInput(
            f"source={source.name} of 'openset' holds {_describe_inputs(source)}, but {data.name!r} holds "
            f"{_describe_inputs(data)}: they must be alike"
        )
    return source


def _describe_inputs(data: Dataset) -> str:
    return f"inputs of kind {data.kind!r}, shape {data.shape} and type {data.inputs.dtype}"


def _draw_rows(source: Dataset, data: Dataset, count: int, rng: np.random.Generator) -> np.ndarray:
    foreign = [i for i, name in enumerate(source.classes) if name not in data.classes]
    rows = np.flatnonzero(np.isin(source.given, foreign))
    if len(rows) < count:
        raise BadInput(
            f"source={source.name} of 'openset' has {len(rows)} rows of classes that {data.name!r} does not have, but "
            f"{count} are to be replaced: use a smaller rate or another source"
        )
    return np.asarray(source.inputs[np.sort(rng.choice(rows, count, replace=False))])[rng.permutation(count)]
