"""From `fisher,curvature:top=3` to probes; and a data set measured alone."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noisewise.data import Dataset
from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.probes.catalogue import PROBES
from noisewise.probes.probe import Measured, Probe, Subject
from noisewise.spec import parse
from noisewise.training.config import seeded


def build(text: str) -> list[Probe]:
    """The probes that a text names, joined by commas or by +, with options as everywhere: `fisher,curvature:top=3`.

    Raises:
        BadInput: an unknown name or option, a value outside its range, or a probe that is named twice.
    """
    if not isinstance(text, str):
        raise BadInput(f"probes are named by text such as 'fisher,curvature', not {text!r}")
    found: list[Probe] = []
    for term in parse(joined(text), PROBES):
        if any(probe.card.name == term.name for probe in found):
            raise BadInput(f"probe {term.name!r} is asked for twice in {text!r}")
        found.append(PROBES[term.name](**term.bind(PROBES[term.name])))
    return found


def joined(text: str) -> str:
    """The text with + for commas between names; after a comma between options follows `option=`."""
    pieces = text.split(",")
    marks = ["," if "=" in piece.partition(":")[0] else "+" for piece in pieces]
    return pieces[0] + "".join(mark + piece for mark, piece in zip(marks[1:], pieces[1:], strict=True))


def options(probe: type[Probe]) -> dict[str, Any]:
    """A probe's options with their defaults."""
    return {name: one.default for name, one in inspect.signature(probe).parameters.items()}


def positions(given: Tensor, examples: int, seed: int) -> Tensor:
    """Which rows are looked at: (at most `examples`,) positions of random rows, as many of each label as there are."""
    rng = torch.Generator().manual_seed(seeded(seed, "probe"))
    order = torch.randperm(len(given), generator=rng)
    labels = given.cpu()[order]
    rank = torch.zeros(len(order), dtype=torch.int64)
    for label in labels.unique():
        same = labels == label
        rank[same] = torch.arange(int(same.sum()))
    return order[rank.argsort(stable=True)][:examples]


def probe(data: Dataset, names: str, seed: int = 0) -> dict[str, Measured]:
    """What probes that need no network find in a data set by itself, its inputs normalised.

    Args:
        data: the data set. names: of probes, as for `build`. seed: of the choice of rows, and of what probes draw.

    Returns:
        By probe, the measured numbers by name, and `rows`, how many were looked at.

    Raises:
        BadInput: an unknown probe or option; one that needs a network, or truth that is not known; labels
            alone, or fewer than 2 rows.
    """
    probes = build(names)
    needing = [one.card.name for one in probes if one.card.network]
    if needing:
        raise BadInput(
            f"probe {needing[0]!r} measures networks: attach it to a training (noisewise train --probe {needing[0]}); "
            f"data sets are measured by {', '.join(alone())}"
        )
    if data.shape == (0,):
        raise BadInput(f"{data.name} has labels alone, and nothing to measure")
    if len(data) < 2:
        raise BadInput(f"{data.name} has {len(data)} row(s); at least 2 are needed")
    check_truth(probes, data)
    rows = Rows(data.blind(), torch.device("cpu"))
    found = {}
    for one in probes:
        subject = looked_at(rows, data, one, seed)
        found[one.card.name] = {"rows": float(len(subject.x)), **one.measure(subject)}
    return found


def alone() -> list[str]:
    """The names of the probes that can measure a data set without a network."""
    return [name for name in PROBES if not PROBES[name].card.network]


def check_truth(probes: Sequence[Probe], data: Dataset) -> None:
    """Refuse probes that need the truth where there is none.

    Raises:
        BadInput: there is none.
    """
    for probe in probes:
        if probe.card.truth and data.truth is None:
            raise BadInput(f"probe {probe.card.name!r} needs the true labels, and {data.name} has none")


def looked_at(rows: Rows, data: Dataset, probe: Probe, seed: int, network: torch.nn.Module | None = None) -> Subject:
    """What the probe is shown of the rows of a split, whose data set with its truth is `data`."""
    at = positions(rows.given, probe.examples, seed)
    raw = torch.cat([part for _, part in rows.stream(at, 1024)])
    truth = None if data.truth is None else torch.tensor(np.asarray(data.truth)[at.numpy()], device=rows.device)
    rng = torch.Generator().manual_seed(seeded(seed, "probe", probe.card.name))
    given = rows.given[at.to(rows.given.device)]
    return Subject(rows.prepare(raw, None), given, len(data.classes), rng, network, truth)
