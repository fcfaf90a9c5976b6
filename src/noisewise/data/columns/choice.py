"""Which columns of a table somebody asked to leave out."""

from __future__ import annotations

from collections.abc import Sequence

from noisewise.data.columns.column import IGNORED, ROW_NAMES
from noisewise.data.reading import Reading
from noisewise.errors import BadInput, nearest


def chosen(names: Sequence[str], where: str, reading: Reading, roles: Sequence[str], ids: str | None) -> dict[str, str]:
    """The columns to leave out, and why.

    Args:
        names: of the columns besides labels and truth.
        where: origin of the table, for error messages.
        reading: `columns` and `ignore` name columns; a text with commas that is no name is several names.
        roles: names of the columns of labels and truth.
        ids: the column that names the rows, or None.

    Raises:
        BadInput: a column that does not exist, or that holds the labels.
    """
    wanted = _named("columns", reading.columns, names, where, roles)
    ignored = _named("ignore", reading.ignore, names, where, [])
    left_out = {}
    for name in names:
        if name == ids and name not in wanted:
            left_out[name] = ROW_NAMES
        elif name in ignored:
            left_out[name] = IGNORED
        elif wanted and name not in wanted and name != reading.text:
            left_out[name] = "not among the columns asked for"
    return left_out


def _named(option: str, asked: Sequence[str], names: Sequence[str], where: str, roles: Sequence[str]) -> list[str]:
    found = []
    for text in asked:
        for name in [text] if text in names else [part.strip() for part in text.split(",")]:
            if name in roles:
                raise BadInput(f"{option}={text!r}: {name!r} of {where} holds the labels, and is never an input")
            if name not in names:
                hint = nearest(name, names) or f"; it has {', '.join(list(names)[:10])}"
                raise BadInput(f"{option}={text!r}: {where} has no column {name!r}{hint}")
            found.append(name)
    return found
