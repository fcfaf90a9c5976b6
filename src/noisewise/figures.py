"""The style of all figures: light, legible in print, in colours that colour-blind people can distinguish.

The colours are those of Okabe and Ito, Color Universal Design (2008).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#6b6e74"
_INK, _LINE = "#1d1e20", "#d9d6d0"
_PANEL = (4.2, 3.1)
_STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "image.cmap": "cividis",
    "svg.hashsalt": "noisewise",
}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Apply the style of noisewise to figures made or written in the block."""
    import matplotlib
    from cycler import cycler

    settings: Any = {**_STYLE, "axes.prop_cycle": cycler(color=COLOURS)}
    with matplotlib.rc_context(settings):
        yield


def subplots(rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """Make a figure of panels of equal size.

    Args:
        rows: number of rows of panels.
        columns: number of columns of panels.
        options: options of `Figure.subplots`, such as sharey=True.

    Returns:
        The figure, and its axes: one, or an array of shape (rows, columns) without axes of length 1.
    """
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(columns * _PANEL[0], rows * _PANEL[1]))
        return figure, figure.subplots(rows, columns, **options)


def write_figure(figure: Figure, folder: Path, name: str = "figure") -> None:
    """Write `NAME.png` and `NAME.svg`; equal figures result in equal bytes."""
    # Without metadata, which would contain the version of matplotlib and the date.
    with styled():
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
