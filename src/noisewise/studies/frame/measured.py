"""The package's record of measured studies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from noisewise.studies.frame.study import SCALES

Measured = dict[str, dict[str, dict[str, Any]]]


def measured() -> Measured:
    """By study and scale: `seconds` of computing, the `machines`, the number of `runs`, and the `claims`."""
    found: Measured = json.loads((files("noisewise.studies") / "measured.json").read_text(encoding="utf-8"))
    return found


def last(scales: Mapping[str, dict[str, Any]]) -> str | None:
    """The largest scale that was measured."""
    return max(scales, key=SCALES.index, default=None)
