"""Descriptions of models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from noisewise.bounds import Bound, bounded

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ModelCard:
    """Description of a model, for the catalogue and the documentation.

    Attributes:
        name: name in a spec.
        does: what it is, in one line.
        paper: where it was published.
        parameters: the number of parameters, and the setting in which it holds.
        example: a valid spec.
        smallest: images with fewer rows or columns are zero padded to this size, in pixels.
        side: for images read from files of several sizes, the size that fits the model, in pixels; None has none.
        mean: by which inputs are normalised, of bytes divided by 255; None measures it on the training rows.
        std: likewise; both are stated or neither.
        recipe: the settings with which the model is best trained from random weights, by their names in `Config`; a
            training follows them where nobody states a schedule, an optimiser or a learning rate. Empty for none.
        departures: differences of this implementation from the paper.
    """

    name: str
    does: str
    paper: str
    parameters: str
    example: str
    smallest: int = 1
    departures: str = "none known"
    side: int | None = None
    mean: float | None = None
    std: float | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)


def with_card(card: ModelCard, bounds: Mapping[str, Bound] | None = None) -> Callable[[Function], Function]:
    """Decorator of a function that builds a model: attaches the card and checks options at every call.

    Args:
        card: description of the model.
        bounds: legal values by option. Options that are true or false by default need no entry.
    """

    def mark(function: Function) -> Function:
        checked = bounded(card.name, bounds or {})(function)
        checked.card = card  # type: ignore[attr-defined]
        return checked

    return mark
