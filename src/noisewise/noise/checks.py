"""Legal values of the parameters of corruptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

from noisewise.bounds import Bound, between, check, flag, name_of

SHARE = between(0, 1)
RATIO = between(1, 10**6)
SCALE = Bound("be above 0 and at most 1000000", lambda value: between(0, 10**6).allows(value) and value > 0)


class Checked:
    """Base of corruptions, frozen dataclasses whose fields are checked when they are constructed.

    Attributes:
        bounds: legal values by field. Fields that are true or false by default need no entry.
    """

    bounds: ClassVar[Mapping[str, Bound]] = {}

    def __post_init__(self) -> None:
        this: Any = self
        flags = {field.name: flag() for field in fields(this) if isinstance(field.default, bool)}
        for name, bound in {**self.bounds, **flags}.items():
            check(name_of(type(self)), name, getattr(self, name), bound)
