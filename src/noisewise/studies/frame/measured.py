"""The package's record of measured studies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from noisewise.studies.frame.claim import FAILS, HOLDS, UNDECIDED
from noisewise.studies.frame.study import SCALES

Measured = dict[str, dict[str, dict[str, Any]]]


def measured() -> Measured:
    """By study and scale: `seconds` of computing, the `machines`, the number of `runs`, and the `claims`.

    `longest` is the longest run's seconds. Of a smaller scale than cpu there are no `claims` where cpu was measured.
    """
    found: Measured = json.loads((files("noisewise.studies") / "measured.json").read_text(encoding="utf-8"))
    return found


def last(scales: Mapping[str, dict[str, Any]]) -> str | None:
    """The largest scale that was measured."""
    return max(scales, key=SCALES.index, default=None)


def shown(scales: Mapping[str, dict[str, Any]]) -> list[str]:
    """The scales that the gallery shows: all that were measured but smoke, and smoke where there is no other."""
    known = sorted(scales, key=SCALES.index)
    return [scale for scale in known if scale != "smoke"] or known


def wall(entry: Mapping[str, Any], cores: int) -> float:
    """The seconds that the runs of a measured scale should take on idle cores.

    Processor time is divided by the cores, but the longest run is not.

    Args:
        entry: Of `measured`.
        cores: On each of which one run is computed at a time.
    """
    busy = entry.get("cpu_seconds")
    return max(entry.get("longest", 0.0), (entry["seconds"] if busy is None else busy) / cores)


def verdict(claim: Mapping[str, Any]) -> str:
    """The verdict of an entry of `claims.json`; those of earlier versions say only whether the claim holds."""
    found: str = claim.get("verdict", HOLDS if claim["holds"] else FAILS)
    return found


def verdicts(claims: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """How many entries of `claims.json` hold, fail and are undecided."""
    found = [verdict(claim) for claim in claims]
    return found.count(HOLDS), found.count(FAILS), found.count(UNDECIDED)
