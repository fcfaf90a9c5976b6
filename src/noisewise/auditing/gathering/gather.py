"""Which model makes the evidence of an audit: classifiers, networks, and pretrained embeddings before them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering import classifiers
from noisewise.auditing.gathering.crossfit import cross_fit
from noisewise.auditing.gathering.last_layer import FEATURES
from noisewise.auditing.judgement.calibration import tempered
from noisewise.auditing.judgement.judge import voted
from noisewise.compute import Engine
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.models import DEFAULTS
from noisewise.training import Method
from noisewise.training.config import configured

FOLDS, EPOCHS, SPARED = 3, 10, 0.2
SHARE_OF_EMBEDDING = 0.8
MOST_FITTED = 2**29


def gather(
    data: Dataset,
    *,
    model: Any = None,
    method: str | Method | None = None,
    epochs: int | None = None,
    folds: int | None = None,
    embed: str | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    looks: Collection[str] = (),
    on_progress: Callable[[float], None] | None = None,
    engine: Engine | None = None,
) -> Evidence:
    """The evidence on the labels of n rows by cross-fitting.

    Without a `model`, rows of numbers and texts are cross-fitted by classifiers (see `default_classifier`), unless
    something is asked that only networks have: a method, epochs, a setting of the training, or looks.

    Args:
        data: without truth.
        model: for networks as for `train`; "forest", "boosting", "linear", "blend" or a classifier of scikit-learn.
        method: how each network trains, by default "ce". epochs: of each network, by default 10.
        folds: of the cross-fitting; by default 5 for classifiers, and for networks 3, each trained on 60 % of the rows
            (see `spared` of `cross_fit`).
        embed: a pretrained model whose embeddings replace the rows; the default is then `from_features`.
        seed: of everything random. settings: further fields of `Config`.
        looks: what detectors need that only networks have.
        on_progress: told the share of the work that is done.
        engine: what trains the networks; classifiers, which take seconds, are fitted in this process.

    Raises:
        BadInput: whatever cannot be done as asked.
    """
    if data.shape == (0,):
        raise BadInput(f"{data.name} has labels alone, and nothing to learn from: give probs or features")
    settings = dict(settings or {})
    config = configured(EPOCHS if epochs is None else epochs, seed, settings)
    said = {"method": method, "epochs": epochs, **{key: value for key, value in settings.items() if key != "device"}}
    said = {key: value for key, value in said.items() if value is not None}
    features = None
    if embed is not None:
        from noisewise.data.embeddings import embedded

        features = embedded(data, embed, device=config.torch_device, on_progress=_part(on_progress, 0.0))
        data = replace(data, inputs=features, kind="vector")
        on_progress = _part(on_progress, SHARE_OF_EMBEDDING)
    chosen = model
    looks = {*looks} - ({FEATURES} if features is not None else set())
    if features is not None and chosen is None and not said and not looks:
        return from_features(data, features, seed, folds, on_progress)
    if chosen is None:
        simple = classifiers.default_classifier(data)
        chosen = DEFAULTS[data.kind] if said or looks or simple is None else simple
    if not classifiers.is_named_or_classifier(chosen):
        count, spared = (FOLDS, SPARED) if folds is None else (folds, 0.0)
        found = cross_fit(data, chosen, method or "ce", config, count, on_progress, looks, engine, spared)
    else:
        _only_for_networks(chosen, said, looks)
        count = classifiers.FOLDS if folds is None else folds
        found = classifiers.cross_fit_classifier(data, chosen, count, seed, on_progress)
    return found if features is None else replace(found, features=features)


def from_features(
    data: Dataset,
    features: np.ndarray,
    seed: int = 0,
    folds: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Evidence:
    """The evidence that (n, d) features of n rows give.

    Probabilities are the mean of two predictions that do not know the row's label, each made calibrated: the shares of
    labels among its nearest neighbours, and a logistic regression, cross-fitted. Which of the two is better depends on
    the features, and their mean is better than both on most. Beyond half a billion features times classes neighbours
    alone vote.

    Args:
        data: without truth; its inputs are not looked at. features: (n, d) embeddings.
        seed: of the folds. folds: of the cross-fitting, by default 5.
        on_progress: told the share of the work that is done.

    Raises:
        BadInput: features that are no (n, d) finite numbers.
    """
    votes = voted(Evidence(data.given, len(data.classes), features=features))
    count = classifiers.FOLDS if folds is None else folds
    if np.size(features) * len(data.classes) > MOST_FITTED or len(data) < count:
        return votes
    assert votes.features is not None  # they were given
    vectors = replace(data, inputs=votes.features, kind="vector", described=None)
    linear = classifiers.cross_fit_classifier(vectors, "linear", count, seed, on_progress)
    both = [tempered(part.probabilities, data.given) for part in (votes, linear) if part.probabilities is not None]
    return replace(votes, probabilities=np.mean(both, axis=0))


def _only_for_networks(model: Any, said: Mapping[str, Any], looks: Collection[str]) -> None:
    name = model if isinstance(model, str) else type(model).__name__
    if said:
        key, value = next(iter(said.items()))
        raise BadInput(f"{key}={value!r} is for networks, but model={name!r} is none: leave one of the two out")
    if looks:
        raise BadInput(
            f"the detectors asked for look into a network, but model={name!r} is none: leave one of the two out"
        )


def _part(tell: Callable[[float], None] | None, start: float) -> Callable[[float], None] | None:
    if tell is None:
        return None
    length = SHARE_OF_EMBEDDING if start == 0 else 1 - start
    return lambda share: tell(start + length * share)
