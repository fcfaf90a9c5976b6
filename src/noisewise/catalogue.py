"""The catalogue type of everything with a name: methods, corruptions, detectors, models, sources.

A catalogue maps names to `"module:attribute"`. Entries are imported on first use; an expensive or broken entry does not
affect users of others. Three kinds of names are known:

- noisewise's own entries;
- those that installed packages add by an entry point, such as `soft-gce = "my_package.soft_gce:SoftGCE"` in the group
  `noisewise.methods`;
- `module:attribute` itself, for an object of your own. Its module is looked for on Python's path, and then in the
  present folder, which is then put at the end of the path.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from operator import attrgetter
from types import FunctionType
from typing import Any

from noisewise.errors import BadInput, nearest, shown
from noisewise.formatting import html_table
from noisewise.former_names import present_name

_IDENTIFIER = r"[^\W\d]\w*"
_PLACE = re.compile(rf"{_IDENTIFIER}(\.{_IDENTIFIER})*:{_IDENTIFIER}")


class Catalogue(Mapping[str, Any]):
    """A mapping from names to objects, which are imported on access.

    Args:
        kind: kind of the entries, in the singular, for error messages ("method").
        entries: maps names to "package.module:attribute".
        groups: entry-point groups by which other packages add entries, such as "noisewise.methods".
        refusal: "module:function" of a function that gets an object from elsewhere and returns None, or, where the
            object is not of this kind, what it must be.
    """

    def __init__(
        self, kind: str, entries: Mapping[str, str], groups: tuple[str, ...] = (), refusal: str | None = None
    ) -> None:
        self.kind = kind
        self._own = dict(entries)
        self._groups = groups
        self._refusal = refusal

    @property
    def own(self) -> dict[str, str]:
        """Name to "package.module:attribute" of noisewise's own entries.

        What is computed without being named, such as the candidates that an audit compares, is chosen from these: it
        does not depend on what else is installed.
        """
        return dict(self._own)

    @property
    def entries(self) -> dict[str, str]:
        """Name to "package.module:attribute", with the entries of other packages."""
        return self._own | {name: point.value for name, point in self._added.items()}

    @cached_property
    def _added(self) -> dict[str, EntryPoint]:
        """The entries of other packages; a name that is taken stays with the first."""
        added: dict[str, EntryPoint] = {}
        for group in self._groups:
            for point in sorted(entry_points(group=group), key=lambda point: (_package(point), point.name)):
                if point.name in self._own or (point.name in added and added[point.name].value != point.value):
                    owner = "noisewise" if point.name in self._own else _package(added[point.name])
                    warnings.warn(
                        f"{_package(point)} adds a {self.kind} {point.name!r}, which {owner} has already; "
                        f"it can be used as {point.value!r}",
                        stacklevel=2,
                    )
                else:
                    added[point.name] = point
        return added

    def package(self, name: str) -> str:
        """The package, with its version, whose entry a name is; of a "module:attribute", the module."""
        if name in self._own:
            return "noisewise"
        return _package(self._added[name]) if name in self._added else name.partition(":")[0]

    def __repr__(self) -> str:
        kinds = f"{self.kind[:-1]}ies" if self.kind.endswith("y") else f"{self.kind}s"
        return f"Catalogue of {len(self)} {kinds}: {', '.join(self)}"

    def _repr_html_(self) -> str:
        """What a notebook shows: every name with what it is, and the package that it is from."""
        return html_table(f"{self!r}".partition(":")[0], ("name", "what it is", "package"), map(self._row, self))

    def _row(self, name: str) -> tuple[str, str, str]:
        try:
            entry = self[name]
        except BadInput as error:
            return name, str(error), self.package(name)
        card = getattr(entry, "card", None)
        said = next((getattr(card, key) for key in ("does", "measures", "title", "paper") if hasattr(card, key)), None)
        return name, str(said or (inspect.getdoc(entry) or "").partition("\n")[0]), self.package(name)

    def __getitem__(self, name: str) -> Any:
        if isinstance(name, str) and name in self._own:
            return load(self._own[name])
        return self._from_elsewhere(name, "")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._own or name in self._added)

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from self._added

    def __len__(self) -> int:
        return len(self._own) + len(self._added)

    def check(self, name: str, where: str = "") -> str:
        """Return `name` if it is known, or if it is "module:attribute" of an object of this kind.

        Args:
            name: the name.
            where: place of the name, appended to it in the error message.

        Raises:
            BadInput: the name is unknown (the message suggests the nearest one), or what it names is not of this kind.
        """
        if not isinstance(name, str) or name not in self._own:
            self._from_elsewhere(name, where)
        return name

    def split(self, text: str) -> tuple[str, str, str]:
        """Split a term into its name, the colon behind it and the rest: `gce:q=0.5`, `my_module:Loss:q=0.5`.

        Args:
            text: one term of a spec.
        """
        name, colon, rest = text.partition(":")
        if colon and name.strip() not in self._own and (place := _PLACE.match(text.strip())):
            behind = text.strip()[place.end() :].lstrip()
            if (not behind or behind[0] == ":") and name.strip() not in self:
                start = text.index(place[0]) + len(place[0])
                _, colon, rest = text[start:].partition(":")
                return place[0], colon, rest
        return name.strip(), colon, rest

    def _from_elsewhere(self, name: str, where: str) -> Any:
        """The object of a name that is not noisewise's own."""
        if isinstance(name, str) and name in self._added:
            point = self._added[name]
            try:
                found = attrgetter(point.attr)(importlib.import_module(point.module))
            except (Exception, SystemExit) as error:
                said = f"{type(error).__name__}: {error}"
                raise BadInput(f"{self.kind} {name!r} of {_package(point)} cannot be imported: {said}") from error
        elif isinstance(name, str) and _PLACE.fullmatch(name):
            found = self._placed(name, where)
        else:
            hint = nearest(name, self) or f"; known: {', '.join(sorted(self))}"
            raise BadInput(f"unknown {self.kind} {shown(name)}{where}{hint}")
        must = None if self._refusal is None else load(self._refusal)(found)
        if must is not None:
            raise BadInput(f"{name!r} is not a {self.kind}: it must be {must}, not {_shown(found)}")
        return found

    def _placed(self, name: str, where: str) -> Any:
        module = name.partition(":")[0]
        try:
            return load(name, here=True)
        except BadInput as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                hint = nearest(module, self)
                said = f"unknown {self.kind} {module!r}{where}{hint}, and there is no module {module!r} to import"
                raise BadInput(said) from error
            raise


def not_callable(entry: object) -> str | None:
    """What an object must be that is called; None where it can be."""
    return None if callable(entry) else "a function or another callable"


def is_place(text: str) -> bool:
    """Whether a text has the form "module:attribute"."""
    return _PLACE.fullmatch(text) is not None


def load(target: str, *, here: bool = False) -> Any:
    """Import the object named by `"module:attribute"`, which may be a former name.

    Args:
        target: "module:attribute".
        here: whether the module may lie in the present folder. If it is not found elsewhere, the present folder is put
            at the end of Python's path, which is said on stderr; worker processes inherit the path.

    Raises:
        BadInput: the string has no colon, or the module or its attribute does not exist, or its import fails.
    """
    module_name, colon, attribute = present_name(target).partition(":")
    if not colon or not module_name or not attribute:
        raise BadInput(f"{target!r} is not of the form 'module:attribute'")
    try:
        module = _imported(module_name, here)
    except ModuleNotFoundError as error:
        if error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise BadInput(f"there is no module {error.name!r} (from {target!r})") from error
        raise _failed(target, error) if here else error from None
    except (Exception, SystemExit) as error:
        if here:
            raise _failed(target, error) from error
        raise
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise BadInput(f"module {module_name!r} has no attribute {attribute!r}") from error


def _imported(name: str, here: bool) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not here or error.name != name.partition(".")[0] or not _extend_path(name):
            raise
    return importlib.import_module(name)


def _extend_path(module: str) -> bool:
    """Put the present folder at the end of Python's path if it holds the module; return whether it does now."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        return False
    top = os.path.join(folder, module.partition(".")[0])
    if folder in sys.path or not (os.path.isfile(f"{top}.py") or os.path.isdir(top)):
        return False
    sys.path.append(folder)
    importlib.invalidate_caches()
    if sys.stderr is not None:
        print(f"note: {module} is imported from {folder}, now at the end of Python's path", file=sys.stderr)
    return True


def _failed(target: str, error: BaseException) -> BadInput:
    return BadInput(f"{target!r} cannot be imported: {type(error).__name__}: {error}")


def _package(point: EntryPoint) -> str:
    return "a package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _shown(found: Any) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}"
    return f"the function {found.__name__}" if isinstance(found, FunctionType) else f"a {type(found).__name__}"
