"""Lines whose runs show: the mean over seeds, in a band from the smallest to the largest of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHADE = 0.18


def draw_runs(axes: Axes, x: Any, runs: Iterable[Any], style: str = "-", *, scale: float = 1.0, **options: Any) -> None:
    """Draw the mean over runs, and a band from the smallest to the largest where there are several.

    Args:
        axes: the panel.
        x: (n,) the places of the values.
        runs: an (n,) array of values per run.
        style: of the line of the mean, as in `Axes.plot`.
        scale: factor of all values, such as 100 for per cent.
        **options: of the line, such as `color` and `label`.
    """
    values = scale * np.array([np.asarray(run, dtype=float) for run in runs])
    _draw(axes, x, values.mean(axis=0), values.min(axis=0), values.max(axis=0), style, options, len(values) > 1)


def draw_groups(
    axes: Axes, runs: pd.DataFrame, by: str, column: str, style: str = "o-", *, scale: float = 1.0, **options: Any
) -> None:
    """Draw the mean of a column of runs by the values of another, and a band from the smallest to the largest.

    Args:
        axes: the panel.
        runs: a table with one row per run.
        by: the column of the places.
        column: the column of the values.
        style: of the line of the means, as in `Axes.plot`.
        scale: factor of all values, such as 100 for per cent.
        **options: of the line, such as `color` and `label`.
    """
    groups = runs.groupby(by)[column]
    mean, low, high = (scale * part for part in (groups.mean(), groups.min(), groups.max()))
    _draw(axes, mean.index, mean, low, high, style, options, bool((groups.size() > 1).any()))


def _draw(axes: Axes, x: Any, mean: Any, low: Any, high: Any, style: str, options: dict[str, Any], band: bool) -> None:
    # a line style of its own, such as a tuple of dashes, cannot stand in the short style
    (line,) = axes.plot(x, mean, *(() if "linestyle" in options else (style,)), **options)
    if band:
        axes.fill_between(x, low, high, color=line.get_color(), alpha=_SHADE, linewidth=0)
