"""What a person is told about a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ModelCard:
    """What the catalogue says of a model.

    Attributes:
        name: its name in a spec.
        does: what it is, in one line.
        paper: where it was published.
        parameters: the number of parameters and the setting it holds for.
        example: a spec that works.
        smallest: images with fewer rows or columns are zero padded to so many.
        departures: where this implementation departs from the paper.
    """

    name: str
    does: str
    paper: str
    parameters: str
    example: str
    smallest: int = 1
    departures: str = "none known"


def with_card(card: ModelCard) -> Callable[[Function], Function]:
    """Give the function that builds a model its card."""

    def mark(function: Function) -> Function:
        function.card = card  # type: ignore[attr-defined]
        return function

    return mark
