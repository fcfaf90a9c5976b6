"""Claims: a statement, the threshold it must meet, what was measured, and what that decides."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from noisewise.errors import BadInput
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.fields import check_claim

__all__ = ["FAILS", "HOLDS", "NAME", "UNDECIDED", "Claim", "Estimate", "listed", "slug"]

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
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
        error: The standard error of `measured`; 0 where it has none, None where it is not known.
        n: The number of independent observations behind the error.
        gated: Whether the exit code of `noisewise study` depends on it.
        cause: Why it does not hold, where that is known; it starts with one of `fields.CAUSES`.

    Raises:
        BadInput: an unknown comparison, or a threshold that does not go with it.
    """

    id: str
    statement: str
    measured: float | None
    comparison: str
    threshold: float | tuple[float, float]
    optional: bool = False
    error: float | None = None
    n: int | None = None
    gated: bool = True
    cause: str = ""

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
    def verdict(self) -> str:
        """What the measured value decides: "holds", "fails" or "undecided".

        The claim holds if every value within the sampling error of the measured one meets the threshold, and fails if
        none does; the sampling error is that of one-sided confidence of 95 % (`Estimate.margin`). A value whose error
        is not known counts as it is. A missing or non-finite value fails.
        """
        if self.measured is None or not math.isfinite(self.measured):
            return FAILS
        margin = Estimate(self.measured, self.error, self.n).margin
        low, high = self.measured - margin, self.measured + margin
        met = [self._meets(low), self._meets(high)]
        if all(met):
            return HOLDS
        ends = self.threshold if isinstance(self.threshold, Sequence) else (self.threshold,)
        return UNDECIDED if any(met) or any(low < end < high for end in ends) else FAILS

    def _meets(self, value: float) -> bool:
        if isinstance(self.threshold, Sequence):
            return self.threshold[0] <= value <= self.threshold[1]
        return bool(_COMPARISONS[self.comparison](value, self.threshold))

    @property
    def holds(self) -> bool:
        """Whether the measured value decides that the claim is true."""
        return self.verdict == HOLDS

    @property
    def fails(self) -> bool:
        """Whether the measured value decides that the claim is false."""
        return self.verdict == FAILS

    @property
    def required(self) -> str:
        """The threshold as text: ">= 0.99", "0.8 to 1"."""
        if isinstance(self.threshold, Sequence):
            return f"{self.threshold[0]:.4g} to {self.threshold[1]:.4g}"
        return f"{self.comparison} {self.threshold:.4g}"

    @property
    def found(self) -> str:
        """The measured value and its standard error as text: "0.512 ± 0.004", "0.5 exact", "0.51" if not known.

        An error of 0 from observations means that they do not differ, so the value is not called exact.
        """
        if self.measured is None:
            return "not measured"
        exact = self.error == 0 and self.n is None
        said = "" if self.error is None else " exact" if exact else f" ± {self.error:.2g}"
        return f"{self.measured:.4g}{said}"

    def plain(self, scale: str) -> dict[str, Any]:
        """An entry of `claims.json`."""
        return {
            "claim": self.id,
            "statement": self.statement,
            "measured": self.measured,
            "error": self.error,
            "n": self.n,
            "comparison": self.comparison,
            "threshold": self.threshold,
            "verdict": self.verdict,
            "holds": self.holds,
            "gated": self.gated,
            "cause": self.cause if not self.holds else "",
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
        name, says, holds = (_filled(entry, field, entry[field], scale, given) for field in ("id", "says", "holds"))
        cause = _filled(entry, f"cause.{scale}", entry.get("cause", {}).get(scale, ""), scale, given)
        comparison, threshold = _threshold(name, holds)
        yield Claim(
            slug(name),
            " ".join(says.split()),
            None,
            comparison,
            threshold,
            optional=entry.get("optional", False),
            gated=entry.get("gate", True),
            cause=" ".join(cause.split()),
        )


def _filled(entry: Mapping[str, Any], field: str, text: str, scale: str, values: Mapping[str, Any]) -> str:
    """The text of a claim's field with values in place of their names."""
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
