"""Recipes: plain functions over trainings, for methods with several phases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from noisewise.bounds import Bound, bounded
from noisewise.training.method import Method, MethodCard
from noisewise.training.trainer import Training

Function = TypeVar("Function", bound=Callable[..., Any])


def recipe(card: MethodCard, bounds: Mapping[str, Bound] | None = None) -> Callable[[Function], Function]:
    """Mark a function `(training, **options) -> None` as a recipe.

    Args:
        card: the catalogue's entry.
        bounds: the legal values of its options, by name (see `noisewise.bounds`); checked at every call.
    """

    def mark(function: Function) -> Function:
        function = bounded(card.name, bounds or {})(function)
        function.card = card  # type: ignore[attr-defined]
        return function

    return mark


def single(training: Training, method: Method) -> None:
    """The recipe of a plain `Method`: train one learner to the end."""
    training.fit(training.learner(networks=method.networks or 1), method)
