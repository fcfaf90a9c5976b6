"""Claims: a statement, the threshold it must meet, and what was measured."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from noisewise.errors import BadInput
from noisewise.studies.frame.fields import check_claim

NAME = r"[a-z0-9]+(-[a-z0-9]+)*"
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Claim:
    """One measurable statement.

    Attributes:
        id: Unique within the study, in lower case with hyphens.
        statement: One sentence that is true if the claim holds.
        measured: What was found; None before a run, and where nothing could be measured.
        comparison: How `measured` must compare with `threshold`: >=, <=, >, <, ==, or `in` for a closed interval.
        threshold: A number, or for `in` the two ends.
        optional: Whether a study may leave it unmeasured, for example because it applies to some sources only.

    Raises:
        BadInput: an unknown comparison, or a threshold that does not go with it.
    """

    id: str
    statement: str
    measured: float | None
    comparison: str
    threshold: float | tuple[float, float]
    optional: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.id):
            raise BadInput(f"a claim's id={self.id!r} must be lower case words joined by hyphens")
        if self.comparison != "in" and self.comparison not in _COMPARISONS:
            known = ", ".join((*_COMPARISONS, "in"))
            raise BadInput(f"comparison={self.comparison!r} of claim {self.id!r} is not one of {known}")
        ends = self.threshold if isinstance(self.threshold, Sequence) else (self.threshold,)
        if len(ends) != (2 if self.comparison == "in" else 1) or not all(map(math.isfinite, ends)):
            wanted = "two finite numbers" if self.comparison == "in" else "a finite number"
            raise BadInput(f"threshold={self.threshold!r} of claim {self.id!r} must be {wanted}")

    @property
    def holds(self) -> bool:
        """Whether the measured value meets the threshold; a missing or non-finite value does not."""
        if self.measured is None or not math.isfinite(self.measured):
            return False
        if isinstance(self.threshold, Sequence):
            return self.threshold[0] <= self.measured <= self.threshold[1]
        return bool(_COMPARISONS[self.comparison](self.measured, self.threshold))

    @property
    def required(self) -> str:
        """The threshold as text: ">= 0.99", "0.8 to 1"."""
        if isinstance(self.threshold, Sequence):
            return f"{self.threshold[0]:.4g} to {self.threshold[1]:.4g}"
        return f"{self.comparison} {self.threshold:.4g}"

    @property
    def found(self) -> str:
        """The measured value as text."""
        return "not measured" if self.measured is None else f"{self.measured:.4g}"

    def plain(self, scale: str) -> dict[str, Any]:
        """An entry of `claims.json`."""
        return {
            "claim": self.id,
            "statement": self.statement,
            "measured": self.measured,
            "comparison": self.comparison,
            "threshold": self.threshold,
            "holds": self.holds,
            "scale": scale,
        }


def slug(text: str) -> str:
    """A text in the form of an id: in lower case, with hyphens for all but letters and digits."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")


def listed(entries: Sequence[Mapping[str, Any]], scale: str, values: Mapping[str, Any]) -> list[Claim]:
    """The claims that the `[[claims]]` of a study's TOML file make at a scale, before anything is measured.

    Args:
        entries: The tables `[[claims]]`.
        scale: The name of the scale.
        values: The values of the scale, which `{name}` in `id`, `says` and `holds` stands for.

    Raises:
        BadInput: an unknown field, a name without a value, a threshold that cannot be read, or an id that is not
            unique.
    """
    found = [claim for entry in entries for claim in _expanded(entry, scale, values)]
    ids = [claim.id for claim in found]
    for one in ids:
        if ids.count(one) > 1:
            raise BadInput(f"two claims have the id {one!r} at scale {scale}")
    return found


def _expanded(entry: Mapping[str, Any], scale: str, values: Mapping[str, Any]) -> Iterator[Claim]:
    """One claim, or the members of a family; empty if the entry is for other scales."""
    check_claim(entry)
    if scale not in entry.get("scales", (scale,)):
        return
    for member in _members(entry, scale, values):
        given = {**values, **member}
        name, says, holds = (_filled(entry, field, scale, given) for field in ("id", "says", "holds"))
        comparison, threshold = _threshold(name, holds)
        yield Claim(slug(name), " ".join(says.split()), None, comparison, threshold, entry.get("optional", False))


def _filled(entry: Mapping[str, Any], field: str, scale: str, values: Mapping[str, Any]) -> str:
    """A field of a claim with values in place of their names."""
    text: str = entry[field]
    try:
        return text.format(**values)
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        reason = f"there is no value {error}" if isinstance(error, KeyError) else error
        said = f"claim {entry['id']!r}: {field}={text!r} cannot be filled in at scale {scale}: {reason}"
        raise BadInput(said) from error


def _members(entry: Mapping[str, Any], scale: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The members that `each` lists: the tables of a list, or every combination of lists by name.

    A name in place of a list is that of a value of the scale.
    """
    each = entry.get("each", {})
    if isinstance(each, list):
        yield from each
        return
    lists: list[Any] = [values.get(of) if isinstance(of, str) else of for of in each.values()]
    for name, found in zip(each, lists, strict=True):
        if not isinstance(found, list):
            said = f"each.{name}={each[name]!r} is not the name of a list among the values of scale {scale}"
            raise BadInput(f"claim {entry['id']!r}: {said}")
    yield from (dict(zip(each, chosen, strict=True)) for chosen in product(*lists))


def _threshold(name: str, holds: str) -> tuple[str, float | tuple[float, float]]:
    try:
        comparison, *numbers = holds.split()
        ends = tuple(float(number) for number in numbers)
    except ValueError as error:
        raise BadInput(f"claim {name!r}: holds={holds!r} is not a comparison and numbers, such as '<= 0.02'") from error
    if comparison == "in" and len(ends) == 2 and ends[0] > ends[1]:
        raise BadInput(f"claim {name!r}: holds={holds!r} must state the lower end of the interval first")
    return comparison, (ends[0], ends[1]) if len(ends) == 2 else ends[0] if ends else math.nan
