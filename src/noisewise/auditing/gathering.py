"""Which model makes the evidence of an audit: classifiers, networks, and pretrained embeddings before them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from noisewise.auditing import classifiers
from noisewise.auditing.crossfit import cross_fit
from noisewise.auditing.evidence import Evidence
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.models import DEFAULTS
from noisewise.training import Method
from noisewise.training.config import configured

if TYPE_CHECKING:
    from noisewise.auditing.engines import FoldEngine

FOLDS, EPOCHS, SPARED = 3, 10, 0.2
SHARE_OF_EMBEDDING = 0.8


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
    engine: FoldEngine | None = None,
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
        embed: a pretrained model whose embeddings replace the rows; the default is then "linear".
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
    if chosen is None:
        simple = "linear" if embed is not None else classifiers.default_classifier(data)
        chosen = DEFAULTS[data.kind] if said or looks or simple is None else simple
    if not classifiers.is_named_or_classifier(chosen):
        count, spared = (FOLDS, SPARED) if folds is None else (folds, 0.0)
        found = cross_fit(data, chosen, method or "ce", config, count, on_progress, looks, engine, spared)
    else:
        _only_for_networks(chosen, said, looks)
        count = classifiers.FOLDS if folds is None else folds
        found = classifiers.cross_fit_classifier(data, chosen, count, seed, on_progress)
    return found if features is None else replace(found, features=features)


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
