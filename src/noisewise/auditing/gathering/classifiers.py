"""The classifiers that a plan may name as its model, as opposed to networks."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from noisewise.auditing.gathering.candidates.catalogue import PREDICTORS
from noisewise.catalogue import is_place, load

BLEND = ("forest", "boosting", "linear")
NAMES = ("blend", *BLEND)


def is_named_or_classifier(model: object) -> bool:
    """Whether `model` is the name of a classifier or a scikit-learn classifier, as opposed to a network."""
    if isinstance(model, str):
        return model in NAMES or is_candidate(model)
    return isinstance(model, BaseEstimator) or (not isinstance(model, type) and hasattr(model, "predict_proba"))


def is_candidate(model: str) -> bool:
    """Whether a name is that of a candidate from elsewhere: of another package, or "module:attribute"."""
    if is_place(model):
        found = load(model, here=True)
        return not isinstance(found, type) and all(hasattr(found, part) for part in ("views", "cost", "predict"))
    return model in PREDICTORS and model not in PREDICTORS.own
