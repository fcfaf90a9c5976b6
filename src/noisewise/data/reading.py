"""`Reading`: how a source is read, as one value that readers, experiments and audits share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from noisewise.bounds import TEXT, Bound, check, flag, whole
from noisewise.errors import BadInput

_LISTS = ("columns", "ignore", "na")
_NAME = Bound("be text, not empty", lambda value: isinstance(value, str) and value != "", optional=True)
_FOR = {
    "labels": "tables and archives, and {} has its own labels",
    "size": "images in files, such as a folder of images per class, not for {}",
    "skip_broken": "folders of images, not for {}",
}
_TABLES = "tables, and {} is not a table"


@dataclass(frozen=True)
class Reading:
    """How a source is read. Every field has a default, which leaves the choice to the reader.

    Attributes:
        labels: the column of the labels of a table, or the key of the labels in an archive.
        text: the column of a table whose texts are the only input.
        columns: the columns of a table to learn from; () takes all that can be learned from.
        ignore: columns of a table that are never an input.
        id: the column of a table that names its rows.
        na: texts that mean a missing value, also in the column of labels, besides an empty cell.
        size: pixels to which images in files are brought for networks, N for N x N or (H, W); None is their own size,
            at most 64 on the shorter side.
        skip_broken: whether images that cannot be read are left out, named and counted, instead of refused.
        trusted: the rows whose labels are known to be correct: a column of a table that marks them or holds these
            labels, a file that names them, a file or folder of further rows, or "reviewed" (see
            `readers.trusted.with_trusted`).

    Raises:
        BadInput: a value that is not legal.
    """

    labels: str | None = None
    text: str | None = None
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    id: str | None = None
    na: tuple[str, ...] = ()
    size: int | tuple[int, int] | None = None
    skip_broken: bool = False
    trusted: str | None = None

    def __post_init__(self) -> None:
        for name in _LISTS:
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        for name in ("labels", "text"):
            check(None, name, getattr(self, name), TEXT)
        for name in ("id", "trusted"):
            check(None, name, getattr(self, name), _NAME)
        check(None, "skip_broken", self.skip_broken, flag())
        self._check_size()
        if self.text is not None and (self.columns or self.text in self.ignore):
            other = f"columns={list(self.columns)!r}" if self.columns else f"ignore={list(self.ignore)!r}"
            raise BadInput(f"text={self.text!r} is the only input: leave out either it or {other}")
        if both := [name for name in self.columns if name in self.ignore]:
            raise BadInput(f"columns={both[0]!r} is also in ignore={list(self.ignore)!r}: name it in one of them")

    def __repr__(self) -> str:
        return f"Reading({', '.join(f'{name}={value!r}' for name, value in self.stated().items())})"

    def stated(self) -> dict[str, Any]:
        """The fields that differ from their defaults, by name."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name)) != one.default}

    def refuse(self, source: object, but: Iterable[str] = ()) -> None:
        """Refuse the fields that a reader does not use; `trusted` is found in what any reader returns.

        Args:
            source: what is read, for the message.
            but: names of the fields that the reader uses.

        Raises:
            BadInput: another field is stated.
        """
        for name, value in self.stated().items():
            if name not in (*but, "trusted"):
                raise BadInput(f"{name}={value!r} is for {_FOR.get(name, _TABLES).format(source)}")

    def _check_size(self) -> None:
        if isinstance(self.size, list):  # from JSON
            object.__setattr__(self, "size", tuple(self.size))
        lengths = self.size if isinstance(self.size, tuple) and len(self.size) == 2 else (self.size,)
        plain = tuple(check(None, "size", length, whole(1) | None) for length in lengths)
        if len(plain) == 2 and None in plain:
            raise BadInput(f"size={self.size!r} must be a whole number of at least 1, or two of them")
        object.__setattr__(self, "size", plain[0] if len(plain) == 1 else plain)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    """A text, or texts, as a tuple of texts; None is ().

    Raises:
        BadInput: something else.
    """
    if value is None:
        return ()
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, (list, tuple)) else None
    if found is None or not all(isinstance(one, str) for one in found):
        raise BadInput(f"{name}={value!r} must be a text or a list of texts")
    return found


DEFAULT = Reading()
FIELDS = tuple(one.name for one in fields(Reading))
