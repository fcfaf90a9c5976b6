"""Networks learn low frequencies first, on a line and on images; random labels are mostly high frequencies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Result, Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.noise import corrupt
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import Sample, sample, unit
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import mean, spearman
from noisewise.theory.spectrum import (
    amplitudes_of,
    descend,
    first_reached,
    high_share,
    moved,
    part_errors,
    rectified,
    sines,
    smoother,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AMPLITUDES = ("equal", "rising")
ON_LINE = 200
HALF = 0.5
MOVES = (0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1)
MOVED = 0.04
DIRECTIONS = 30
UNITS, LAYERS, CLOUD_RATE, EVERY = 256, 2, 3e-4, 5
WIDTH = 0.1
WIDTHS = (0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
LOW = 0.2
REDRAWN = (0.0, 0.25, 0.5, 0.75, 1.0)
LABELS = ("true", "random")


def line(
    frequencies: list[int],
    amplitudes: str,
    width: int,
    hidden: int,
    steps: int,
    rate: float,
    seed: int,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Train a network on a sum of sines with random phases at 200 points of [0, 1).

    `ratios` (evaluations, frequencies) are its amplitudes divided by those of the target. `kept` (moves, frequencies)
    are its amplitudes after the trained weights are moved, averaged over random directions and divided by those
    before; `errors` are the sizes of the change at each frequency, averaged and divided the same way.

    Args:
        frequencies: of the sines.
        amplitudes: "equal", all 1, or "rising", from 0.1 to 1.
        width: of the hidden layers.
        hidden: number of hidden layers.
        steps: of Adam.
        rate: learning rate of Adam.
        seed: random seed.
        scratch: for a checkpoint; None keeps none.
    """
    rng, count = np.random.default_rng(seed), len(frequencies)
    sizes = np.ones(count) if amplitudes == "equal" else np.linspace(0.1, 1.0, count)
    target = sines(ON_LINE, frequencies, sizes.tolist(), rng.uniform(0, 2 * np.pi, count).tolist())
    x = torch.arange(ON_LINE, dtype=torch.float32)[:, None] / ON_LINE
    net, y = rectified(1, width, hidden, 1, seed), torch.as_tensor(target, dtype=torch.float32)[:, None]

    def observe(found: np.ndarray) -> np.ndarray:
        return np.asarray(amplitudes_of(found[:, 0].astype(np.float64), frequencies) / sizes)

    kept_in = None if scratch is None else scratch / "line.pt"
    times, seen = descend(net, x, y, steps=steps, rate=rate, every=10, observe=observe, checkpoint=kept_in)
    kept, errors = _moved(net, x, frequencies, seed)
    reached = first_reached(times, seen, HALF)
    return {
        "times": times,
        "ratios": seen,
        "reached": reached,
        "order": spearman(np.array(frequencies, dtype=float), np.nan_to_num(reached, nan=float(steps + 1))),
        "missed": int(np.isnan(reached).sum()),
        "kept": kept,
        "errors": errors,
    }


def _moved(net: torch.nn.Module, x: torch.Tensor, frequencies: list[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = torch.Generator().manual_seed(seed)

    def outputs() -> np.ndarray:
        with torch.no_grad():
            return np.asarray(net(x)[:, 0].double().numpy())

    base = outputs()
    whole, kept, errors = amplitudes_of(base, frequencies), [], []
    for size in MOVES:
        values = []
        for _ in range(DIRECTIONS):
            with moved(net, size, generator):
                values.append(outputs())
        kept.append(amplitudes_of(np.array(values), frequencies).mean(axis=0) / whole)
        errors.append(amplitudes_of(np.array(values) - base, frequencies).mean(axis=0) / whole)
    return np.array(kept), np.array(errors)


def cloud(source: str, points: int, labels: str, steps: int, seed: int) -> dict[str, Any]:
    """Train a network on one-hot labels; record its errors in their slow part, in the rest and in all at intervals."""
    rows = sample(source, points, 1, seed)
    x, y = _points(rows), rows.targets(seed if labels == "random" else None)
    smooth, y = smoother(x, WIDTH), y - y.mean(axis=0)
    net = rectified(x.shape[1], UNITS, LAYERS, y.shape[1], seed)

    def observe(found: np.ndarray) -> np.ndarray:
        return np.array(part_errors(smooth, found, y))

    inputs, values = (torch.as_tensor(part, dtype=torch.float32) for part in (x, y))
    taken, seen = descend(net, inputs, values, steps=steps, rate=CLOUD_RATE, every=EVERY, observe=observe)
    low, high, whole = seen.T
    return {
        "times": taken,
        "low": low,
        "high": high,
        "whole": whole,
        "low_steps": _fell(taken, low, LOW),
        "high_steps": _fell(taken, high, LOW),
        "half_steps": _fell(taken, whole, HALF),
        "fitted_steps": _fell(taken, whole, LOW),
    }


def spectrum(source: str, points: int, seed: int) -> dict[str, Any]:
    """Share of high frequencies in labels as more are redrawn, and in true and random ones by width.

    `energies` (redrawn,) belongs to `wrong` (redrawn,), the shares of wrong labels; `true` and `random` to `WIDTHS`.
    """
    rows = sample(source, points, 1, seed)
    x, names = _points(rows), tuple(str(k) for k in range(rows.classes))
    data = Dataset(x.astype(np.float32), rows.y, names, "vector", name=source)
    given = [corrupt(data, f"uniform:{share}", seed).given if share else rows.y for share in REDRAWN]
    smooth, hot = smoother(x, WIDTH), np.eye(rows.classes)
    true, random = [], []
    for width in WIDTHS:
        one = smoother(x, width)
        true.append(high_share(one, rows.targets()))
        random.append(high_share(one, rows.targets(seed)))
    return {
        "wrong": np.array([(labels != rows.y).mean() for labels in given]),
        "energies": np.array([high_share(smooth, hot[labels]) for labels in given]),
        "true": np.array(true),
        "random": np.array(random),
    }


def _points(rows: Sample) -> np.ndarray:
    """(n, d) inputs minus their mean, of mean squared length 16."""
    x = unit(rows.x).reshape(len(rows.x), -1).astype(np.float64)
    x -= x.mean(axis=0)
    return np.asarray(x * (4 / np.sqrt((x * x).sum(axis=1).mean())))


def _fell(times: np.ndarray, errors: np.ndarray, share: float) -> float:
    """The first time at which an error is at most `share`; NaN if it never is."""
    return float(first_reached(times, -errors[:, None], -share)[0])


def runs(scale: Scale) -> list[Task]:
    """All runs, sums of sines first because they take longest."""
    return [
        *(
            Task.of(line, amplitudes=name, seed=seed, **scale.line)
            for name in AMPLITUDES
            for seed in range(scale.seeds)
        ),
        *(
            Task.of(cloud, source=scale.source, labels=labels, seed=seed, **scale.cloud)
            for labels in LABELS
            for seed in range(scale.seeds)
        ),
        *(Task.of(spectrum, source=scale.source, seed=seed, **scale.spectrum) for seed in range(scale.seeds)),
    ]


def measured(results: Results) -> dict[str, Estimate]:
    """The order of frequencies, robustness to moved weights, slow parts before fast ones, and random labels."""
    lines, labels = results.of("line").table, results.of("spectrum").table
    clouds = results.of("cloud").table.set_index("seed")
    true, random = (clouds[clouds["labels"] == name] for name in LABELS)
    return {
        **{f"order-{name}": mean(some["order"]) for name, some in lines.groupby("amplitudes")},
        "robust": mean(lines.loc[lines["amplitudes"] == "equal", "kept"].map(_robustness)),
        "low-first": mean(true["high_steps"] / true["low_steps"]),
        "random-high": mean([(one["random"] - one["true"]).min() for one in results.of("spectrum")]),
        "wrong-high": mean(list(map(spearman, labels["wrong"], labels["energies"]))),
        "random-slower": mean(random["half_steps"] / true["half_steps"]),
    }


def _robustness(kept: np.ndarray) -> float:
    """How much more of its amplitude the lower half of the frequencies keeps than the upper half."""
    kept = kept[MOVES.index(MOVED)]
    half = len(kept) // 2
    return float(kept[:half].mean() - kept[-half:].mean())


def figure(results: Results) -> Figure:
    """Draw amplitudes over training, their order, and robustness to moved weights; errors and energies on data."""
    lines = results.of("line")
    drawn, ((over, order, robust), (errors, wrong, widths)) = subplots(2, 3)
    _draw_ratios(over, lines.one(amplitudes="equal", seed=0))
    for name, colour, mark in zip(AMPLITUDES, COLOURS, ("o", "s"), strict=False):
        for item in lines.where(amplitudes=name):
            label = f"{name} amplitudes" if item.task.arguments["seed"] == 0 else None
            order.semilogy(item.task.arguments["frequencies"], item["reached"], mark, color=colour, label=label)
    order.set(xlabel="frequency k", ylabel="steps to half of its amplitude", title="Low frequencies come first")
    order.legend(loc="upper left")
    _draw_moves(robust, lines.where(amplitudes="equal"))
    _draw_errors(errors, results.of("cloud"))
    labels = results.of("spectrum").items
    shares = np.mean([one["wrong"] for one in labels], axis=0)
    draw_runs(wrong, 100 * shares, [one["energies"] for one in labels], "o-", scale=100, color=COLOURS[0])
    wrong.set(xlabel="wrong labels (%)", ylabel="energy in high frequencies (%)", ylim=(0, 104))
    wrong.set_title(f"Wrong labels are high frequencies (width {WIDTH:g})")
    for name, colour in zip(LABELS, COLOURS, strict=False):
        draw_runs(widths, WIDTHS, [one[name] for one in labels], "o-", scale=100, color=colour, label=f"{name} labels")
    widths.set_xscale("log")
    widths.axvline(WIDTH, linestyle="--", color=GREY, label="width in the other panels")
    widths.set(xlabel="width of the smoothing", ylabel="energy in high frequencies (%)", ylim=(0, 104))
    widths.set_title("At every width")
    widths.legend(loc="lower right")
    return drawn


def _draw_ratios(axes: Axes, item: Result) -> None:
    from matplotlib import colormaps

    frequencies, times = item.task.arguments["frequencies"], item["times"][1:]
    for k, colour in zip(frequencies, colormaps["cividis"](np.linspace(0, 0.8, len(frequencies))), strict=True):
        axes.semilogx(times, item["ratios"][1:, frequencies.index(k)], color=colour, linewidth=1.2)
        if k in (frequencies[0], frequencies[-1]):
            at = item["reached"][frequencies.index(k)]
            place = (float(times[-1] if np.isnan(at) else at), HALF)
            offset, side = ((-2, 3), "right") if k == frequencies[0] else ((6, -14), "left")
            where: Any = {"xytext": offset, "textcoords": "offset points", "ha": side}
            axes.annotate(f"k = {k}", place, color=colour, fontsize=9, **where)
    axes.axhline(HALF, linestyle="--", color=GREY, linewidth=1, label="half of it")
    axes.legend(loc="upper left")
    axes.set(
        xlabel="steps of Adam", ylabel="amplitude, of the target's", title="A sum of sines, a line per frequency k"
    )


def _draw_moves(axes: Axes, lines: Results) -> None:
    moves = 100 * np.array(MOVES)
    kept, errors = (np.array([item[name] for item in lines]) for name in ("kept", "errors"))
    half = kept.shape[2] // 2
    halves = (("lower half", slice(half), COLOURS[0]), ("upper half", slice(kept.shape[2] - half, None), COLOURS[1]))
    for name, part, colour in halves:
        draw_runs(axes, moves, kept[:, :, part].mean(axis=2), "o-", color=colour, label=f"amplitude, {name}")
        draw_runs(axes, moves, errors[:, :, part].mean(axis=2), ":", color=colour, label=f"change, {name}")
    axes.set(xlabel="weights moved by (% of their norm)", ylabel="of the amplitude", title="Weights moved at random")
    axes.set_ylim(0, 1.4 * axes.get_ylim()[1])
    axes.legend(loc="upper left", ncols=2, fontsize=8)


def _draw_errors(axes: Axes, clouds: Results) -> None:
    for labels, style in zip(LABELS, ("-", ":"), strict=True):
        item = clouds.one(labels=labels, seed=0)
        for part, colour, name in (("low", COLOURS[0], "slow part"), ("high", COLOURS[1], "the rest")):
            axes.semilogx(item["times"][1:], item[part][1:], style, color=colour, label=f"{name}, {labels}")
    axes.axhline(LOW, linestyle="--", color=GREY, linewidth=1, label="fitted")
    axes.set(xlabel="steps of Adam", ylabel="relative error", title="Data: the slow part first")
    axes.set_ylim(0, 1.6)
    axes.legend(loc="upper right", ncols=2, fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
