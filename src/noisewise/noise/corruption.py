"""What a corruption is, and `corrupt`, which applies the corruptions that a spec names.

A corruption is a frozen dataclass whose fields are its parameters, with a `card` that says what it is and one method,
`apply`. Rows are drawn in row order from one generator, so a corruption belongs to the data set it was drawn for: the
same spec and seed on a selection of its rows gives other labels to these rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.catalogue import CORRUPTIONS
from noisewise.spec import Term, parse

SPLITS = ("test", "validation", "trusted")


@dataclass(frozen=True)
class CorruptionCard:
    """What a person is told about a corruption.

    Attributes:
        name: its name in a spec.
        does: what it does, in one line.
        paper: where its definition was published.
        changes: what of a data set it changes: the given labels, the inputs, or which rows there are.
        example: a spec that works.
    """

    name: str
    does: str
    paper: str
    example: str
    changes: Literal["labels", "inputs", "rows"] = "labels"


class Corruption(Protocol):
    """A named change of a data set; its fields are its parameters."""

    card: ClassVar[CorruptionCard]

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """The training split of `data` corrupted, with one provenance record more.

        All randomness comes from `rng`. Another split that changes too has one record more as well.
        """


def corrupt(data: Dataset, spec: str, seed: int = 0) -> Dataset:
    """Put known noise into the training split of `data`.

    Test, validation and trusted splits stay as they are, save that `shuffled-pixels` gives all splits the same order of
    pixels. The terms of the spec are applied in order. Each draws from its own generator, derived from the seed, the
    term's position and its name alone, so that the first term's noise does not depend on the terms after it.

    The truth of the result is the labels before the first corruption of labels; corruptions of inputs and of rows leave
    labels and truth with their rows. Every term leaves a provenance record: `step`, `spec`, `seed`, `term` (its
    position), and what it did. Of labels, `changed` (share of rows whose label it changed) and `transition`, (K, K),
    the realised P(label after = j | label before = i), with None for the rows of classes that do not occur; of inputs,
    `inputs_changed` (share of rows whose input it changed); of rows, `rows_before` and `sizes` (rows left per class).

    Example:
        `corrupt(data, "symmetric:0.4", seed=0)`, `corrupt(data, "blur:8+longtail:100")`

    Args:
        data: n rows of K >= 2 classes.
        spec: terms `name:value,key=value` joined by `+`, names from `CORRUPTIONS`.
        seed: a whole number from 0.

    Raises:
        BadInput: a spec that cannot be read or carried out on this data, no rows, fewer than 2 classes, or a seed that
            is no whole number from 0.
    """
    terms = parse(spec, CORRUPTIONS)
    corruptions = [_build(term) for term in terms]
    _check(data, seed)
    for position, (term, corruption) in enumerate(zip(terms, corruptions, strict=True)):
        rng = generator(seed, position, term.name)
        stamp = {"step": "corrupt", "spec": term.text, "seed": int(seed), "term": position}
        data = _all_stamped(corruption.apply(data, rng), data, stamp)
    return data


def relabel(data: Dataset, given: np.ndarray) -> Dataset:
    """The data set with (n,) other given labels and a record of how they differ from those before."""
    k = len(data.classes)
    counts = np.bincount(data.given * k + given, minlength=k * k).reshape(k, k)
    totals = counts.sum(axis=1)
    transition = [(row / total).tolist() if total else [None] * k for row, total in zip(counts, totals, strict=True)]
    changed = float(np.mean(given != data.given))
    return data.relabelled(given, {"step": "corrupt", "changed": changed, "transition": transition})


def generator(seed: int, position: int, name: str) -> np.random.Generator:
    """The generator of the term called `name` at `position` in a spec: the same in every process."""
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(position, *name.encode())))


def _build(term: Term) -> Corruption:
    kind = CORRUPTIONS[term.name]
    return kind(**term.bind(kind))


def _check(data: Dataset, seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise BadInput(f"seed must be a whole number from 0, not {seed!r}")
    if len(data.classes) < 2:
        raise BadInput(f"{data.name!r} has {len(data.classes)} class(es), but a corruption needs at least 2")
    if len(data) == 0:
        raise BadInput(f"{data.name!r} has no rows to corrupt")


def _all_stamped(data: Dataset, before: Dataset, stamp: dict[str, Any]) -> Dataset:
    changed = [split for split in SPLITS if getattr(data, split) is not getattr(before, split)]
    parts: dict[str, Any] = {split: _stamped(getattr(data, split), stamp) for split in changed}
    return replace(_stamped(data, stamp), **parts)


def _stamped(data: Dataset, stamp: dict[str, Any]) -> Dataset:
    *before, record = data.provenance
    return replace(data, provenance=(*before, {**stamp, **record}))
