"""The protocol of corruptions, and `corrupt`, which applies the corruptions named by a spec.

A corruption is a frozen dataclass whose fields are its parameters, with a `card` that describes it and one method,
`apply`. Random numbers are drawn in row order from one generator. The result therefore depends on the whole data set:
the same spec and seed applied to a selection of the rows changes these rows differently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from noisewise.bounds import SEED, check
from noisewise.data.dataset import SPLITS, Dataset
from noisewise.data.sources import load
from noisewise.errors import BadInput
from noisewise.noise.catalogue import CORRUPTIONS
from noisewise.spec import Term, parse


@dataclass(frozen=True)
class CorruptionCard:
    """Description of a corruption, for the catalogue and the documentation.

    Attributes:
        name: name in a spec.
        does: what it does, in one line.
        paper: where its definition was published.
        example: a valid spec.
        changes: the part of a data set that it changes: the given labels, the inputs, or the set of rows.
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
        """Return `data` with a corrupted training split and one more provenance record.

        All randomness comes from `rng`. Any other split that changes gets one more record as well.
        """


def refusal(entry: Any) -> str | None:
    """What an object of another package must be to be a corruption; None where it is one."""
    if isinstance(entry, type) and callable(getattr(entry, "apply", None)) and hasattr(entry, "card"):
        return None
    return "a class with a CorruptionCard as `card` and a method `apply(data, rng)`"


def corrupt(data: Any, spec: str, seed: int = 0, **reading: Any) -> Dataset:
    """Add known noise to the training split of `data`.

    The other splits do not change, except under `shuffled-pixels`, which reorders the pixels of all
    splits alike. The terms of the spec are applied in order. Each term draws from its own generator, derived from the
    seed, its position and its name. The noise of the first term therefore does not depend on the terms after it.

    The truth of the result is the labels before the first corruption of labels. Corruptions of inputs and of rows keep
    each row's label and truth. Every term adds a provenance record with `step`, `spec`, `seed`, `term` (its position)
    and its effect. For labels: `changed` (share of rows whose label changed) and `transition`, (K, K), the realised
    P(label after = j | label before = i), with None in the rows of classes that do not occur. For inputs:
    `inputs_changed` (share of rows whose input changed). For rows: `rows_before` and `sizes` (rows left per class).

    Example:
        `corrupt("digits", "symmetric:0.4", seed=0)`, `corrupt(data, "blur:8+longtail:100")`

    Args:
        data: n rows of K >= 2 classes: a Dataset, a source (a name, a path, "hf:NAME"), or data in memory as for
            `load`.
        spec: terms `name:value,key=value` joined by `+`, names from `CORRUPTIONS`.
        seed: a whole number from 0.
        **reading: how a source is read, as for `load`: `labels`, `text`, `columns`, ...

    Raises:
        BadInput: the source cannot be read, the spec is invalid or cannot be applied to this data, there are no rows
            or fewer than 2 classes, or the seed is not a whole number from 0.
    """
    terms = corruptions(spec)
    if isinstance(data, str) and not data:
        raise BadInput(f"data={data!r} must be a name, a path or a Dataset")
    data = load(data, **reading)
    _check(data, seed)
    for position, (term, corruption) in enumerate(terms):
        rng = generator(seed, position, term.name)
        stamp = {"step": "corrupt", "spec": term.text, "seed": int(seed), "term": position}
        data = _stamp_changed_splits(corruption.apply(data, rng), data, stamp)
    return data


def corruptions(spec: str) -> list[tuple[Term, Corruption]]:
    """The corruptions that a spec names, each with its term, in order.

    Raises:
        BadInput: a spec that cannot be read; an unknown name or option; a value that is not legal.
    """
    return [(term, kind(**term.bind(kind))) for term in parse(spec, CORRUPTIONS) for kind in [CORRUPTIONS[term.name]]]


def relabel(data: Dataset, given: np.ndarray) -> Dataset:
    """Return the data set with new given labels (n,) and a record of how they differ from the previous ones."""
    k = len(data.classes)
    counts = np.bincount(data.given * k + given, minlength=k * k).reshape(k, k)
    totals = counts.sum(axis=1)
    transition = [(row / total).tolist() if total else [None] * k for row, total in zip(counts, totals, strict=True)]
    changed = float(np.mean(given != data.given))
    return data.with_labels(given, {"step": "corrupt", "changed": changed, "transition": transition})


def generator(seed: int, position: int, name: str) -> np.random.Generator:
    """Return the generator of the term `name` at `position` in a spec; it is the same in every process."""
    # The bytes of the name, not its hash, which Python salts in every process.
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=(position, *name.encode())))


def _check(data: Dataset, seed: int) -> None:
    check(None, "seed", seed, SEED)
    if len(data.classes) < 2:
        raise BadInput(f"{data.name!r} has {len(data.classes)} class(es), but a corruption needs at least 2")
    if len(data) == 0:
        raise BadInput(f"{data.name!r} has no rows to corrupt")
    if not data.labelled:
        raise BadInput(f"{data.name!r} has no labels to corrupt")


def _stamp_changed_splits(data: Dataset, before: Dataset, stamp: dict[str, Any]) -> Dataset:
    changed = [split for split in SPLITS if getattr(data, split) is not getattr(before, split)]
    parts: dict[str, Any] = {split: _stamp(getattr(data, split), stamp) for split in changed}
    return replace(_stamp(data, stamp), **parts)


def _stamp(data: Dataset, stamp: dict[str, Any]) -> Dataset:
    *before, record = data.provenance
    return replace(data, provenance=(*before, {**stamp, **record}))
