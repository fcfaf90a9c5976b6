"""The figures of a run's report, from its history."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from noisewise.figures import COLOURS, GREY, styled, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = 6
_COLUMNS = 3
_PANELS: dict[str, dict[str, str]] = {
    "accuracy": {"train_accuracy": "training rows", "validation_accuracy": "validation", "test_accuracy": "test"},
    "loss": {"train_loss": "training rows", "validation_loss": "validation", "test_loss": "test"},
    "rows predicted as labelled": {"clean_fit": "rightly labelled", "noisy_fit": "wrongly labelled"},
    "rows the method keeps": {"label_precision": "rightly labelled among kept", "label_recall": "kept of the right"},
}


def progress(history: pd.DataFrame) -> bytes:
    """SVG of accuracies and losses by epoch and, if known, the fit of wrong labels and the method's selection."""
    with styled():
        return _svg(_progress(history))


def _progress(history: pd.DataFrame) -> Figure:
    present = {
        title: {column: label for column, label in lines.items() if column in history and history[column].notna().any()}
        for title, lines in _PANELS.items()
    }
    shown = {title: lines for title, lines in present.items() if lines}
    figure, panels = _grid(len(shown))
    for axes, (title, lines) in zip(panels, shown.items(), strict=True):
        for (column, label), colour in zip(lines.items(), COLOURS, strict=False):
            _line(axes, history, column, label, colour)
        kept = history.loc[history["selected"], "epoch"]
        axes.axvline(kept.iloc[-1], color=GREY, linewidth=1, linestyle=":", label="kept")
        axes.set(title=title)
        axes.legend()
    return figure


def traces(history: pd.DataFrame, columns: Mapping[str, str]) -> bytes:
    """SVG of a probe's measurements, one panel per column: itself in black, and those of its parts that change most.

    Args:
        history: one row per epoch.
        columns: maps names of columns to their content.
    """
    with styled():
        return _svg(_traces(history, columns))


def _traces(history: pd.DataFrame, columns: Mapping[str, str]) -> Figure:
    there = [column for column in columns if column in history]
    figure, panels = _grid(len(there))
    for axes, column in zip(panels, there, strict=True):
        parts = _moving(history, column)
        labels = [*(part.partition("/")[2] for part in parts), column]
        for one, colour in zip([*parts, column], [*COLOURS[: len(parts)], COLOURS[-1]], strict=True):
            _line(axes, history, one, "", colour)
        values = history[[column, *parts]].to_numpy(dtype=float)
        seen = values[np.isfinite(values)]
        if len(seen) and seen.min() > 0 and seen.max() > 100 * seen.min():
            axes.set(yscale="log")
        axes.set(title=column)
        if parts:
            legend = axes.legend(axes.lines, ["part"] * len(labels), fontsize=7)
            for text, label in zip(legend.get_texts(), labels, strict=True):
                text.set(text=label, parse_math=False)
    return figure


def _svg(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def _grid(panels: int) -> tuple[Figure, Sequence[Axes]]:
    rows = -(-max(panels, 1) // _COLUMNS)
    figure, axes = subplots(rows, -(-max(panels, 1) // rows))
    every = list(np.atleast_1d(axes).ravel())
    for spare in every[panels:]:
        spare.set_axis_off()
    return figure, every[:panels]


def _line(axes: Axes, history: pd.DataFrame, column: str, label: str, colour: str) -> None:
    measured = history.loc[history[column].notna(), ["epoch", column]]
    mark = "o" if len(measured) < 15 else ""
    axes.plot(measured["epoch"], measured[column], marker=mark, linestyle="-", color=colour, label=label)
    axes.set(xlabel="epoch")
    axes.locator_params(axis="x", integer=True)


def _moving(history: pd.DataFrame, column: str) -> list[str]:
    parts = [one for one in map(str, history.columns) if one.startswith(f"{column}/") and history[one].notna().any()]
    return sorted(parts, key=lambda one: -_spread(history[one].to_numpy(dtype=float)))[:PARTS]


def _spread(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.ptp(finite)) if len(finite) else 0.0
