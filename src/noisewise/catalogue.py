"""The catalogue type of everything with a name: methods, corruptions, detectors, models, sources.

A catalogue maps names to `"module:attribute"`. Entries are imported on first use; an expensive or broken entry does not
affect users of others.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from noisewise.errors import BadInput, nearest
from noisewise.former_names import present_name


class Catalogue(Mapping[str, Any]):
    """A mapping from names to objects, which are imported on access.

    Args:
        kind: kind of the entries, in the singular, for error messages ("method").
        entries: maps names to "package.module:attribute".
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    @property
    def entries(self) -> dict[str, str]:
        """Name to "package.module:attribute"."""
        return dict(self._entries)

    def __repr__(self) -> str:
        kinds = f"{self.kind[:-1]}ies" if self.kind.endswith("y") else f"{self.kind}s"
        return f"Catalogue of {len(self)} {kinds}: {', '.join(self)}"

    def __getitem__(self, name: str) -> Any:
        return load(self._entries[self.check(name)])

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def check(self, name: str, where: str = "") -> str:
        """Return `name` if it is known.

        Args:
            name: the name.
            where: place of the name, appended to it in the error message.

        Raises:
            BadInput: the name is unknown; the message suggests the nearest one.
        """
        if name not in self._entries:
            hint = nearest(name, self._entries) or f"; known: {', '.join(sorted(self._entries))}"
            raise BadInput(f"unknown {self.kind} {name!r}{where}{hint}")
        return name


def load(target: str) -> Any:
    """Import the object named by `"module:attribute"`, which may be a former name.

    Raises:
        BadInput: the string has no colon, or the module or its attribute does not exist.
    """
    module_name, colon, attribute = present_name(target).partition(":")
    if not colon or not module_name or not attribute:
        raise BadInput(f"{target!r} is not of the form 'module:attribute'")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        if error.name and module_name.startswith(error.name):
            raise BadInput(f"there is no module {error.name!r} (from {target!r})") from error
        raise
    except AttributeError as error:
        raise BadInput(f"module {module_name!r} has no attribute {attribute!r}") from error
