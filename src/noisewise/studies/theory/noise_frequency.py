"""Sine noise on the targets of two classes: the lower its frequency, the sooner it is fitted and the more it harms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import numeric, unit
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import difference, mean
from noisewise.theory.spectrum import descend, first_reached, rectified

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HALF = 0.5
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def noisy(
    source: str,
    classes: list[int],
    points: int,
    held: int,
    width: int,
    hidden: int,
    steps: int,
    rate: float,
    every: int,
    frequency: float,
    shuffled: bool,
    seed: int,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Train a network on two classes, -1 and 1, plus a sine of the length of the input.

    The target is y + sin(2 pi k |x|). At every observation the outputs f on the training rows are decomposed by least
    squares as b y + c z, z the noise: b and c are how much of the classes and of the noise is learned.

    Args:
        source: Of the rows.
        classes: The two classes; the first is -1.
        points: Rows to train on.
        held: Further rows of the training split, to validate on without noise.
        width: Of the hidden layers.
        hidden: Number of hidden layers.
        steps: Of Adam, each on all rows.
        rate: Learning rate.
        every: Steps between two observations.
        frequency: k; 0 adds no noise.
        shuffled: Whether the values of the noise are permuted over the rows, so that they depend on no input.
        seed: Random seed of the rows and the network.
        scratch: For a checkpoint; None keeps none.

    Returns:
        (T,) each: `times`, in steps; `train`, the mean squared error on the noisy targets; `valid`, that on the rows
        held out; `wrong`, their share with a wrong sign; `classes_learned` and `noise_learned`, b and c.

    Raises:
        BadInput: the source has too few rows of the two classes.
    """
    x, y = _rows(source, classes, points + held, seed)
    z = np.sin(2 * np.pi * frequency * np.linalg.norm(x[:points], axis=1, keepdims=True))
    if shuffled:
        z = np.random.default_rng([seed, 1]).permutation(z)
    given = y[:points] + z
    design = np.hstack([y[:points], z])
    net, inputs = rectified(x.shape[1], width, hidden, 1, seed), torch.as_tensor(x)

    def observe(found: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            outputs = net(inputs[points:]).double().numpy()
        parts = np.linalg.lstsq(design, found.astype(np.float64), rcond=None)[0][:, 0]
        error, wrong = np.square(outputs - y[points:]).mean(), (np.sign(outputs) != y[points:]).mean()
        return np.array([np.square(found - given).mean(), error, wrong, parts[0], parts[1]])

    kept_in = None if scratch is None else scratch / "net.pt"
    targets = torch.as_tensor(given, dtype=torch.float32)
    taken, seen = descend(
        net, inputs[:points], targets, steps=steps, rate=rate, every=every, observe=observe, checkpoint=kept_in
    )
    names = ("train", "valid", "wrong", "classes_learned", "noise_learned")
    return {"times": taken, **dict(zip(names, seen.T, strict=True))}


def _rows(source: str, classes: list[int], count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) inputs as flat vectors and (n, 1) classes as -1 and 1, drawn from the training split."""
    data = numeric(source)
    there = np.flatnonzero(np.isin(data.given, classes))
    if count > len(there):
        have = f"has {len(there)} training rows of the classes {classes}"
        raise BadInput(f"source={source!r} {have}, but this study needs {count}")
    chosen = np.random.default_rng(seed).permutation(there)[:count]
    x = unit(np.asarray(data.inputs[chosen])).reshape(count, -1)
    return x, np.where(data.given[chosen] == classes[1], 1.0, -1.0)[:, None]


def runs(scale: Scale) -> list[Task]:
    """No noise, a sine of every frequency, and the values of the highest one in random order."""
    return [
        Task.of(noisy, source=scale.source, frequency=k, shuffled=shuffled, seed=seed, **scale.net)
        for seed in range(scale.seeds)
        for k, shuffled in _cases(scale)
    ]


def _cases(scale: Scale) -> list[tuple[float, bool]]:
    """The frequencies of the noise, 0 for none, and whether it is shuffled."""
    return [*((k, False) for k in (0.0, *scale.frequencies)), (scale.frequencies[-1], True)]


def by_case(results: Results) -> dict[tuple[float, bool], pd.DataFrame]:
    """The runs of every frequency in ascending order, 0 first, and those with shuffled noise last; a row per seed."""
    table = results.table.assign(
        least=results.table["valid"].map(np.min),
        last=results.table["valid"].map(lambda found: found[-1]),
        steps_to_classes=_steps(results.table, "classes_learned"),
        steps_to_noise=_steps(results.table, "noise_learned"),
    )
    cases = _cases(results.scale)
    chosen = [table[(table["frequency"] == k) & (table["shuffled"] == shuffled)] for k, shuffled in cases]
    return {case: some.set_index("seed").sort_index() for case, some in zip(cases, chosen, strict=True)}


def _steps(table: pd.DataFrame, name: str) -> pd.Series:
    """The first step at which half is learned, per run; NaN if it never is."""
    found = [first_reached(one["times"], one[name][:, None], HALF)[0] for _, one in table.iterrows()]
    return pd.Series(found, index=table.index)


def measured(results: Results) -> dict[str, Estimate]:
    """Dips of the validation error, which noise harms most, and when it is fitted."""
    cases = by_case(results)
    low, *_, high = (cases[k, False] for k in results.scale.frequencies)
    clean, shuffled = cases[0.0, False], cases[results.scale.frequencies[-1], True]
    return {
        "dips": mean(high["last"] / high["least"]),
        "clean-falls": mean(clean["last"] / clean["least"]),
        "low-harms": difference(np.log(low["least"]), np.log(high["least"])),
        "nearly-clean": mean(high["least"] / clean["least"]),
        "low-is-fitted-first": mean(np.log(high["steps_to_noise"] / low["steps_to_noise"])),
        "classes-first": mean(np.log(high["steps_to_noise"] / high["steps_to_classes"])),
        "shuffled-last": mean(np.log(shuffled["steps_to_noise"] / high["steps_to_noise"])),
        "dips-later": mean(np.log(high["least"] / shuffled["least"])),
    }


def figure(results: Results) -> Figure:
    """Draw errors by step, how much of classes and noise is learned, and the least and the last error."""
    cases = by_case(results)
    drawn, ((valid, train), (parts, ends)) = subplots(2, 2)
    for (case, some), colour, style in zip(cases.items(), (GREY, *COLOURS), STYLES, strict=False):
        times, name = some["times"].iloc[0], _name(*case)
        draw_runs(valid, times, some["valid"], color=colour, linestyle=style, label=name)
        draw_runs(train, times, some["train"], color=colour, linestyle=style, label=name)
        if case[0]:
            draw_runs(parts, times, some["noise_learned"], color=colour, linestyle=style, label=f"noise, {name}")
    high = cases[results.scale.frequencies[-1], False]
    draw_runs(
        parts,
        high["times"].iloc[0],
        high["classes_learned"],
        "-",
        color="black",
        label=f"classes, {_name(*_key(high))}",
    )
    for axes, title in ((valid, "a: validation rows, without noise"), (train, "b: training rows, with their noise")):
        axes.set(xlabel="steps of Adam", ylabel="mean squared error", yscale="log", title=title)
        axes.set_ylim(top=axes.get_ylim()[1] * (6 if axes is valid else 30))
        axes.legend(loc="upper right", ncols=2, fontsize=8)
    parts.set(xlabel="steps of Adam", ylabel="share learned (1 is all)", title="c: what is learned when")
    parts.set_ylim(top=1.9)
    parts.legend(loc="upper right", ncols=2, fontsize=8)
    _draw_ends(ends, cases)
    return drawn


def _key(some: pd.DataFrame) -> tuple[float, bool]:
    return some["frequency"].iloc[0], some["shuffled"].iloc[0]


def _name(frequency: float, shuffled: bool) -> str:
    return f"k = {frequency:g}, shuffled" if shuffled else f"k = {frequency:g}" if frequency else "no noise"


def _draw_ends(axes: Axes, cases: dict[tuple[float, bool], pd.DataFrame]) -> None:
    for column, shift, colour, mark in (("least", -0.1, COLOURS[0], "o"), ("last", 0.1, COLOURS[1], "s")):
        places = np.arange(len(cases)) + shift
        values = np.array([some[column] for some in cases.values()])
        axes.plot(places, values.mean(axis=1), mark, color=colour, label=f"{column} of a training")
        axes.vlines(places, values.min(axis=1), values.max(axis=1), color=colour, linewidth=1)
    axes.set_xticks(range(len(cases)), [_name(*case).replace(", ", "\n") for case in cases])
    axes.set(ylabel="validation error", title="d: least and last error; lines span the seeds", yscale="log")
    axes.set_ylim(top=axes.get_ylim()[1] * 4)
    axes.legend(loc="upper left", ncols=2)


STUDY = Study.load(__file__, runs, measured, figure)
