"""Builds methods and recipes from specs such as `cdr:tau=0.4+gce:q=0.7`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from noisewise.bounds import check_options
from noisewise.errors import BadInput, shown
from noisewise.methods.catalogue import METHODS
from noisewise.spec import parse
from noisewise.training.meta import LookAhead
from noisewise.training.method import Chain, Method, MethodCard, stations
from noisewise.training.recipe import single
from noisewise.training.trainer import Training

Trains = Callable[[Training], None]


def build(method: str | Method | Callable[..., None]) -> Trains:
    """A function that runs a Training with this method.

    Args:
        method: a spec, a Method, or a recipe.

    Returns:
        The recipe with its options; for a method or a chain, the recipe that trains one learner to the end.

    Raises:
        BadInput: an unknown name or option, an option outside its bound, or methods that cannot be combined.
    """
    if isinstance(method, Method):
        return partial(single, method=method)
    if not isinstance(method, str):
        if not _is_recipe(method):
            hint = f": it is a class, give {method.__name__}()" if isinstance(method, type) else ""
            raise BadInput(f"method={shown(method)} must be a spec such as 'elr', a Method, or a recipe{hint}")
        return method
    terms = parse(method, METHODS)
    entries = [METHODS[term.name] for term in terms]
    recipes = [term.name for term, entry in zip(terms, entries, strict=True) if not isinstance(entry, type)]
    if recipes and len(terms) > 1:
        raise BadInput(f"{method!r}: {recipes[0]} is a recipe and cannot be combined with '+'")
    if recipes:
        options = terms[0].bind(entries[0], given=("training",))
        return partial(entries[0], **check_options(recipes[0], options, entries[0].bounds))
    return partial(single, method=compose([e(**t.bind(e)) for e, t in zip(entries, terms, strict=True)]))


def refusal(entry: Any) -> str | None:
    """What an object of another package must be to be a method; None where it is one."""
    if isinstance(getattr(entry, "card", None), MethodCard):
        if isinstance(entry, type) and issubclass(entry, Method):
            return None
        if not isinstance(entry, type) and callable(entry) and hasattr(entry, "bounds"):
            return None
    return "a class derived from noisewise.training.Method, with a MethodCard as `card`, or a function under @recipe"


def _is_recipe(method: object) -> bool:
    """Whether it can be called with a training alone; a class is a mistake for an object of it."""
    if isinstance(method, type) or not callable(method):
        return False
    try:
        inspect.signature(method).bind(None)
    except ValueError:  # a function of C that does not tell its arguments
        return True
    except TypeError:
        return False
    return True


def compose(methods: list[Method]) -> Method:
    """Combine several methods into one.

    Args:
        methods: in the order in which they act; one that learns a station on trusted rows encloses the others.

    Raises:
        BadInput: methods that cannot be combined.
    """
    if len(methods) == 1:
        return methods[0]
    learners = [m for m in methods if isinstance(m, LookAhead)]
    if not learners:
        return Chain(methods)
    return learners[0].enclose(m for m in methods if m is not learners[0])


def card(name: str) -> MethodCard:
    """The card of a catalogue entry, with the stations filled in for a method.

    Raises:
        BadInput: an unknown name.
    """
    entry = METHODS[name]
    return entry.card if entry.card.stations else replace(entry.card, stations=stations(entry))
