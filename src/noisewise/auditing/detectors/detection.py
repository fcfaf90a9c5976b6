"""The requested detectors, and their scores."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.evidence import Evidence
from noisewise.errors import BadInput, shown

EVERY = "all"


def requested(detectors: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """The names of the requested detectors, in their order; None where the evidence decides.

    Args:
        detectors: None, "all", names separated by commas, or a collection of names.

    Raises:
        BadInput: an unknown name, or no name.
    """
    if detectors is None:
        return None
    if not isinstance(detectors, str | list | tuple | set | frozenset):
        raise BadInput(f"detectors={shown(detectors)} must be 'all' or names of `noisewise detectors`")
    if detectors == EVERY:
        return tuple(DETECTORS)
    parts = detectors.split(",") if isinstance(detectors, str) else detectors
    names = tuple(dict.fromkeys(str(part).strip() for part in parts))
    if not names or names == ("",):
        raise BadInput(f"detectors={detectors!r} names no detector; it must be 'all' or names of `noisewise detectors`")
    return tuple(DETECTORS.check(name) for name in names)


def scores_of(evidence: Evidence, detectors: str | Iterable[str] | None) -> dict[str, np.ndarray]:
    """Scores of the rows by the requested detectors only.

    Args:
        evidence: what is known about n rows.
        detectors: names; "all" for every detector that the evidence allows; None for those of noisewise itself that
            cost nothing extra.

    Returns:
        (n,) per detector; a higher score is more suspect.

    Raises:
        BadInput: an unknown name, or a detector requested by name whose input the evidence lacks.
    """
    names = requested(detectors)
    if names is None or detectors == EVERY:
        known = DETECTORS.own if names is None else names
        names = tuple(name for name in known if DETECTORS[name].serves(evidence, requested=names is not None))
    return {name: DETECTORS[name](evidence) for name in names}
