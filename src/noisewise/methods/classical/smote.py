"""SMOTE (Chawla et al., Journal of Artificial Intelligence Research 2002), the algorithm of its section 4.2.

    x_new = x_i + u (x_j - x_i),   u ~ U(0, 1),   x_j one of the k nearest rows of the class of x_i

Every class is filled up to the size of the largest. imbalanced-learn makes the rows from the raw inputs (images as
vectors of pixels). They join every batch in their proportion. Borderline-SMOTE (Han, Wang and Mao, 2005) starts from
rows with many neighbours of other classes, ADASYN (He et al., 2008) makes more rows there. Under label noise both
prefer wrong labels; plain SMOTE does not.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from noisewise.bounds import one_of, whole
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.methods.classical.resampling import imbalanced, train_joined
from noisewise.training.method import MethodCard
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

Kind = Literal["smote", "borderline", "adasyn"]
_SAMPLERS = {"smote": "SMOTE", "borderline": "BorderlineSMOTE", "adasyn": "ADASYN"}

CARD = MethodCard(
    "smote",
    "Make synthetic rows of rare classes, between rows and their nearest neighbours of the same class. It addresses "
    "class imbalance, not wrong labels.",
    "Chawla, Bowyer, Hall and Kegelmeyer, SMOTE: Synthetic Minority Over-sampling Technique, Journal of Artificial "
    "Intelligence Research 2002",
    2002,
    "x_new = x_i + u (x_j - x_i),  u ~ U(0, 1)",
    forwards=2.2,
    backwards=1.2,
    stations=("edit",),
    departures="a class of fewer than k + 1 rows uses all its rows as neighbours; a class of one row "
    "gets no rows, and neither does one for which a variant can make none; "
    "the cost stated is for nearly balanced classes, one made row per five, and grows with the imbalance",
)


def synthetic(
    vectors: np.ndarray, labels: np.ndarray, kind: Kind = "smote", neighbours: int = 5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Make rows that fill every class up to the size of the largest.

    Args:
        vectors: (n, d) rows.
        labels: (n,) class numbers.
        kind: the sampler.
        neighbours: k.
        seed: random seed.

    Returns:
        (m, d) rows and (m,) labels.

    Raises:
        BadInput: imbalanced-learn is not installed, or no row can be made for any class.
    """
    classes, counts = np.unique(labels, return_counts=True)
    most = int(counts.max())
    made, given, refused = [vectors[:0]], [labels[:0]], ""
    for k, count in zip(classes, counts, strict=True):
        if not 1 < count < most:
            continue
        sampler = _sampler(kind, min(neighbours, int(count) - 1), {int(k): most}, seed + int(k))
        try:
            more = sampler.fit_resample(vectors, labels)[0][len(vectors) :]
        except (ValueError, RuntimeError) as error:
            refused = f"smote: {_SAMPLERS[kind]} can make no rows of class {k} ({count} rows): {error}".splitlines()[0]
            continue
        made.append(more)
        given.append(np.full(len(more), k, dtype=labels.dtype))
    if refused and len(made) == 1:
        raise BadInput(refused)
    return np.concatenate(made), np.concatenate(given)


def _sampler(kind: Kind, neighbours: int, strategy: dict[int, int], seed: int) -> Any:
    name = "n_neighbors" if kind == "adasyn" else "k_neighbors"
    options: dict[str, Any] = {name: neighbours, "sampling_strategy": strategy, "random_state": seed % 2**32}
    return getattr(imbalanced("over_sampling"), _SAMPLERS[kind])(**options)


@recipe(CARD, {"kind": one_of(*_SAMPLERS), "neighbours": whole(1, 10_000)})
def smote(training: Training, kind: Kind = "smote", neighbours: int = 5) -> None:
    """SMOTE, Borderline-SMOTE or ADASYN.

    Args:
        training: the training.
        kind: "smote", "borderline" or "adasyn".
        neighbours: k; in a smaller class all rows are neighbours.

    Raises:
        BadInput: no row can be made; imbalanced-learn is not installed.
    """
    x, y = training.memoize("synthetic", lambda: _made(training, kind, neighbours))
    data = training.data
    rows = Dataset(x.numpy().reshape(-1, *data.shape), y.numpy(), data.classes, data.kind, name="synthetic")
    train_joined(training, "synthetic", rows, known=False)


def _made(training: Training, kind: Kind, neighbours: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Synthetic rows (m, d) of the type of the inputs, and labels (m,)."""
    inputs = training.data.inputs[:]
    vectors = inputs.reshape(len(inputs), -1).astype(np.float32)
    x, y = synthetic(vectors, training.data.given, kind, neighbours, training.config.seed)
    if inputs.dtype == np.uint8:
        x = x.round().clip(0, 255)
    return torch.as_tensor(x.astype(inputs.dtype)), torch.as_tensor(y)
