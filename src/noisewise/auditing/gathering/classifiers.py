"""The classifiers that a plan may name as its model, as opposed to networks."""

from __future__ import annotations

from sklearn.base import BaseEstimator

BLEND = ("forest", "boosting", "linear")
NAMES = ("blend", *BLEND)


def is_named_or_classifier(model: object) -> bool:
    """Whether `model` is the name of a classifier or a scikit-learn classifier, as opposed to a network."""
    if isinstance(model, str):
        return model in NAMES
    return isinstance(model, BaseEstimator) or (not isinstance(model, type) and hasattr(model, "predict_proba"))
