"""Make probes from a text such as `fisher,curvature:top=3`, and measure a data set without a network."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noisewise.bounds import SEED, bounded
from noisewise.data import Dataset, load
from noisewise.data.rows import Rows
from noisewise.errors import BadInput
from noisewise.probes.catalogue import PROBES
from noisewise.probes.probe import Measured, Probe, Subject
from noisewise.spec import parse
from noisewise.training.config import seeded


def build(text: str) -> list[Probe]:
    """Make the probes named by a text, joined by commas or +, with options: `fisher,curvature:top=3`.

    Raises:
        BadInput: a name or option is unknown, a value is out of range, or a probe is named twice.
    """
    if not isinstance(text, str):
        raise BadInput(f"probes are named by text such as 'fisher,curvature', not {text!r}")
    found: list[Probe] = []
    for term in parse(joined(text), PROBES):
        if any(probe.card.name == term.name for probe in found):
            raise BadInput(f"probe {term.name!r} is named twice in {text!r}")
        found.append(PROBES[term.name](**term.bind(PROBES[term.name])))
    return found


def joined(text: str) -> str:
    """Replace commas between probes by +; a comma before `option=` separates options and stays."""
    pieces = text.split(",")
    marks = ["," if "=" in piece.partition(":")[0] else "+" for piece in pieces]
    return pieces[0] + "".join(mark + piece for mark, piece in zip(marks[1:], pieces[1:], strict=True))


def options(probe: type[Probe]) -> dict[str, Any]:
    """A probe's options with their defaults."""
    return {name: one.default for name, one in inspect.signature(probe).parameters.items()}


def positions(given: Tensor, examples: int, seed: int) -> Tensor:
    """(at most `examples`,) positions of the rows to measure, drawn at random and balanced over the given labels.

    Args:
        given: (n,) given labels.
        examples: number of rows.
        seed: random seed.
    """
    rng = torch.Generator().manual_seed(seeded(seed, "probe"))
    order = torch.randperm(len(given), generator=rng)
    labels = given.cpu()[order]
    rank = torch.zeros(len(order), dtype=torch.int64)
    for label in labels.unique():
        same = labels == label
        rank[same] = torch.arange(int(same.sum()))
    return order[rank.argsort(stable=True)][:examples]


@bounded(None, {"seed": SEED})
def probe(data: Any, names: str, seed: int = 0) -> dict[str, Measured]:
    """Measure a data set, with normalised inputs, by probes that do not need a network.

    Args:
        data: a Dataset, a source (a name, a path, "hf:NAME"), or data in memory as for `load`.
        names: names of the probes with their options, as for `build`.
        seed: random seed of the choice of rows and of the probes.

    Returns:
        For every probe the measured numbers by name, and `rows`, the number of rows measured.

    Raises:
        BadInput: a probe or option is unknown, a probe needs a network or a truth that is not known, or the data have
            no inputs or fewer than 2 rows.
    """
    probes = build(names)
    needing = [one.card.name for one in probes if one.card.network]
    if needing:
        raise BadInput(
            f"probe {needing[0]!r} measures networks: attach it to a training (noisewise train --probe {needing[0]}); "
            f"data sets are measured by {', '.join(probes_without_network())}"
        )
    data = load(data)
    if data.shape == (0,):
        raise BadInput(f"{data.name} has labels alone, but probes measure inputs")
    if len(data) < 2:
        raise BadInput(f"{data.name} has {len(data)} row(s); at least 2 are needed")
    check_truth(probes, data)
    rows = Rows(data.blind(), torch.device("cpu"))
    found = {}
    for one in probes:
        subject = make_subject(rows, data, one, seed)
        found[one.card.name] = {"rows": float(len(subject.x)), **one.measure(subject)}
    return found


def probes_without_network() -> list[str]:
    """The names of the probes that can measure a data set without a network."""
    return [name for name in PROBES.own if not PROBES[name].card.network]


def check_truth(probes: Sequence[Probe], data: Dataset) -> None:
    """Check that the truth is known if a probe needs it.

    Raises:
        BadInput: it is not known.
    """
    for probe in probes:
        if probe.card.truth and data.truth is None:
            raise BadInput(f"probe {probe.card.name!r} needs the true labels, but {data.name} has none")


def make_subject(rows: Rows, data: Dataset, probe: Probe, seed: int, network: torch.nn.Module | None = None) -> Subject:
    """The rows that a probe measures, as a `Subject`.

    Args:
        rows: the training split on its device.
        data: the data set of this split, with its truth if known.
        probe: the probe.
        seed: random seed of the choice of rows and of the probe.
        network: the network to measure, if any.
    """
    at = positions(rows.given, probe.examples, seed)
    raw = torch.cat([part for _, part in rows.stream(at, 1024)])
    truth = None if data.truth is None else torch.tensor(np.asarray(data.truth)[at.numpy()], device=rows.device)
    rng = torch.Generator().manual_seed(seeded(seed, "probe", probe.card.name))
    given = rows.given[at.to(rows.given.device)]
    return Subject(rows.prepare(raw, None), given, len(data.classes), rng, network, truth)
