"""From a spec such as `cdr:tau=0.4+gce:q=0.7` to something that trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from noisewise.bounds import check_options
from noisewise.errors import BadInput
from noisewise.methods.catalogue import METHODS
from noisewise.spec import parse
from noisewise.training.meta import LookAhead
from noisewise.training.method import Card, Chain, Method, stations
from noisewise.training.recipe import single
from noisewise.training.trainer import Training

Trains = Callable[[Training], None]


def build(method: str | Method | Callable[..., None]) -> Trains:
    """What trains a Training by this method: the recipe itself, or the recipe of a single method or chain.

    Args:
        method: a spec, a Method, or a recipe.

    Raises:
        BadInput: an unknown name or option, or what cannot be combined.
    """
    if isinstance(method, Method):
        return partial(single, method=method)
    if not isinstance(method, str):
        return method
    terms = parse(method, METHODS)
    entries = [METHODS[term.name] for term in terms]
    recipes = [term.name for term, entry in zip(terms, entries, strict=True) if not isinstance(entry, type)]
    if recipes and len(terms) > 1:
        raise BadInput(f"{method!r}: {recipes[0]} is a recipe, a training of its own, and cannot be combined with '+'")
    if recipes:
        options = terms[0].bind(entries[0], given=("training",))
        return partial(entries[0], **check_options(recipes[0], options, entries[0].bounds))
    return partial(single, method=compose([e(**t.bind(e)) for e, t in zip(entries, terms, strict=True)]))


def compose(methods: list[Method]) -> Method:
    """One method out of several, in order; a method that learns a station on trusted rows takes the others inside.

    Raises:
        BadInput: what cannot be combined.
    """
    if len(methods) == 1:
        return methods[0]
    learners = [m for m in methods if isinstance(m, LookAhead)]
    if not learners:
        return Chain(methods)
    return learners[0].enclose(m for m in methods if m is not learners[0])


def card(name: str) -> Card:
    """The card of a catalogue entry, with the stations filled in for a method.

    Raises:
        BadInput: an unknown name.
    """
    entry = METHODS[name]
    return entry.card if entry.card.stations else replace(entry.card, stations=stations(entry))
