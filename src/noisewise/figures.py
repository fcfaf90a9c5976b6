"""The style of all figures: light, in colours that colour-blind people can distinguish, legible without colour.

The colours are those of Okabe and Ito, Color Universal Design (2008). Every colour has a marker and a hatching of its
own, which lines and bars of that colour get by themselves. A figure therefore reads in a greyscale print too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#6b6e74"
MARKERS = dict(zip(COLOURS, ("o", "s", "^", "D", "v", "P", "X"), strict=True))
HATCHES = dict(zip(COLOURS, ("", "///", "...", "xxx", "\\\\\\", "++", ""), strict=True))
PANELS = "figure-[a-z].png"  # what `write_panels` writes
_MARK_EVERY = 0.12  # of the diagonal of a panel, along lines that have no markers of their own
_THIN = 1.0  # points; thinner lines are a background of single runs and get no markers
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
    "hatch.linewidth": 0.8,
    "svg.hashsalt": "noisewise",
}


def _panel_class() -> type[Axes]:
    """The class of all panels; matplotlib is imported only where figures are made."""
    from matplotlib.axes import Axes
    from matplotlib.colors import to_hex

    class Panel(Axes):
        """A panel whose lines and bars differ by marker and hatching as well as by colour.

        A line of one of `COLOURS` without markers, or with the usual "o", gets the marker of its colour, and bars get
        the hatching of theirs. Grey lines get a star for an "o". All else is left as it is.
        """

        def plot(self, *args: Any, **options: Any) -> list[Any]:
            """As `Axes.plot`, with the markers of the colours."""
            lines = super().plot(*args, **options)
            for line in lines:
                colour, own = to_hex(line.get_color()), line.get_marker()
                marker = MARKERS.get(colour.upper(), "*" if colour == GREY and own == "o" else None)
                if marker is None or line.get_linewidth() < _THIN or own not in ("None", "o"):
                    continue
                line.set_marker(marker)
                if own == "None":
                    line.set_markevery(_MARK_EVERY)
            return lines

        def bar(self, *args: Any, **options: Any) -> Any:
            """As `Axes.bar`, with the hatchings of the colours; `barh` calls it too."""
            bars = super().bar(*args, **options)
            for patch in bars:
                hatch = HATCHES.get(to_hex(patch.get_facecolor()).upper())
                if hatch:
                    patch.set(hatch=hatch, edgecolor="white", linewidth=0)
            return bars

    return Panel


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
        panel = {"axes_class": _panel_class(), **options.pop("subplot_kw", {})}
        return figure, figure.subplots(rows, columns, subplot_kw=panel, **options)


def write_figure(figure: Figure, folder: Path, name: str = "figure") -> None:
    """Write `NAME.png` and `NAME.svg`; equal figures result in equal bytes."""
    # Without metadata, which would contain the version of matplotlib and the date.
    with styled():
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def write_panels(figure: Figure, folder: Path, name: str = "figure") -> None:
    """Write every panel on its own, as `NAME-a.png`, `NAME-b.png` and so on, in the order in which they were made.

    A panel is cut out of the figure with its colour bar and whatever shares its place, such as a second y axis.
    """
    from matplotlib.transforms import Bbox

    with styled():
        figure.draw_without_rendering()
        panels: dict[Any, list[Any]] = {}
        for axes in figure.axes:
            if axes.get_visible():
                bar = getattr(axes, "_colorbar", None)
                home = axes if bar is None or bar.mappable.axes is None else bar.mappable.axes
                place = tuple(round(bound, 4) for bound in home.get_position().bounds)
                panels.setdefault(place, []).append(axes)
        for letter, panel in zip("abcdefghijklmnopqrstuvwxyz", panels.values(), strict=False):
            whole = Bbox.union([box for axes in panel if (box := axes.get_tightbbox()) is not None])
            inches = whole.padded(4).transformed(figure.dpi_scale_trans.inverted())
            figure.savefig(folder / f"{name}-{letter}.png", metadata={"Software": None}, bbox_inches=inches)
