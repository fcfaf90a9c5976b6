"""Wider networks have tangent kernels closer to a fixed one, and train more like linear models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.models import build
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.drawing import draw_groups
from noisewise.studies.harness.pairs import pair
from noisewise.studies.harness.statistics import by_seed, exact, jackknife
from noisewise.theory.tangent import (
    TangentNet,
    alignment,
    centred,
    empirical_tangent,
    infinite_kernels,
    linearised,
    relative_difference,
)
from noisewise.theory.wide import infinite_gram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DEPTHS = (1, 3)
STEPS = (0, 1, 2, 5, 10, 20, 50, 100)
HELD, SHOWN = 50, 5
ALIGNED_DEPTHS = (1, 2, 3, 5)
RANDOM = 20


def nearness(source: str, points: int, hidden: int, width: int, draws: int) -> dict[str, Any]:
    """Relative distances of the kernels of `draws` networks at initialisation from that of infinite width."""
    rows = pair(source, points)
    x, limit = torch.tensor(rows.x, dtype=torch.float32), infinite_kernels(rows.x, hidden=hidden).tangent
    nets = (TangentNet(x.shape[1], width, hidden, seed) for seed in range(draws))
    errors = np.array([relative_difference(net.tangent(x), limit) for net in nets])
    return {"errors": errors, "error": float(errors.mean())}


def trained(source: str, points: int, hidden: int, width: int, labels: str, seed: int) -> dict[str, Any]:
    """Train a network and its linearisation by full gradient descent; compare them on training points and on others.

    `deviation` and `held_deviation` are the largest root mean square difference of outputs over the recorded steps,
    where labels are plus and minus one; `drift` is the relative change of the kernel; `loss` is relative to the start.
    """
    rows = pair(source, points, HELD, seed)
    x, held = (torch.tensor(part, dtype=torch.float32) for part in (rows.x, rows.held))
    y = rows.y if labels == "true" else rows.random(seed)
    net = TangentNet(x.shape[1], width, hidden, seed)
    kernel, cross = net.tangent(x), net.tangent(held, x)
    rate = 1 / float(np.linalg.eigvalsh(kernel)[-1])
    real, held_real = _descend(net, x, torch.tensor(y, dtype=torch.float32), held, rate)
    linear = linearised(kernel, y, real[0], rate, STEPS)
    held_linear = linearised(kernel, y, real[0], rate, STEPS, cross, held_real[0])
    losses = ((real - y) ** 2).sum(axis=1)
    return {
        "deviation": float(_root_mean_square(real - linear).max()),
        "held_deviation": float(_root_mean_square(held_real - held_linear).max()),
        "drift": relative_difference(net.tangent(x), kernel),
        "loss": float(losses[-1] / losses[0]),
        "outputs": held_real[:, :SHOWN],
        "linear_outputs": held_linear[:, :SHOWN],
    }


def _root_mean_square(differences: np.ndarray) -> np.ndarray:
    """(steps,) of (steps, points)."""
    found: np.ndarray = np.sqrt((differences**2).mean(axis=1))
    return found


def _descend(net: TangentNet, x: Tensor, y: Tensor, held: Tensor, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """(recorded steps, n) outputs at x and (recorded steps, m) at held points."""
    optimiser, found = torch.optim.SGD(net.parameters(), lr=rate), []
    for step in range(STEPS[-1] + 1):
        outputs = net(x)[:, 0]
        if step in STEPS:
            with torch.no_grad():
                found.append((outputs.detach().double().numpy(), net(held)[:, 0].double().numpy()))
        optimiser.zero_grad()
        (0.5 * ((outputs - y) ** 2).sum()).backward()
        if step < STEPS[-1]:
            optimiser.step()
    real, others = zip(*found, strict=True)
    return np.array(real), np.array(others)


def aligned(source: str, points: int, hidden: int, seed: int) -> dict[str, Any]:
    """Alignment of the kernel of infinite width with true labels and with 20 draws of random ones, and when centred.

    `cross` is the largest difference between the share of the first layer and twice the Gram matrix H of Arora et al.
    (2019), which at one hidden layer are the same by two derivations.
    """
    rows = pair(source, points, seed=seed)
    found = infinite_kernels(rows.x, hidden=hidden)
    first = infinite_kernels(rows.x, hidden=1)
    return {
        **_alignments(found.tangent, rows.y, seed),
        "cross": float(np.abs(first.tangent - first.output - 2 * infinite_gram(rows.x)).max()),
    }


def aligned_network(source: str, points: int, model: str, seed: int) -> dict[str, Any]:
    """The same of the kernel of a network of the catalogue at its start, by its Jacobian; inputs of mean square one."""
    rows = pair(source, points, seed=seed)
    net = build(model, rows.shape, 2, seed=seed)
    x = torch.tensor(rows.x * rows.x.shape[1] ** 0.5, dtype=torch.float32).reshape(-1, *rows.shape)
    kernel = empirical_tangent(net, x.movedim(-1, 1) if len(rows.shape) == 3 else x)
    return _alignments(kernel, rows.y, seed)


def _alignments(kernel: np.ndarray, y: np.ndarray, seed: int) -> dict[str, Any]:
    signs, middle = np.random.default_rng(seed).choice([-1.0, 1.0], size=(RANDOM, len(y))), centred(kernel)
    return {
        "true": alignment(kernel, y),
        "random": np.array([alignment(kernel, drawn) for drawn in signs]),
        "centred_true": alignment(middle, y),
        "centred_random": np.array([alignment(middle, drawn) for drawn in signs]),
    }


def runs(scale: Scale) -> list[Task]:
    """All runs, the widest trainings first because they take longest."""
    data: dict[str, Any] = {"source": scale.source, "points": scale.points}
    aligning = {"source": scale.source, **scale.aligned}
    return [
        *(
            Task.of(trained, hidden=nets["hidden"], width=width, labels=labels, seed=seed, **data)
            for seed in range(scale.seeds)
            for nets in scale.trained
            for width in reversed(nets["widths"])
            for labels in (("true", "random") if nets["hidden"] == 1 else ("true",))
        ),
        *(
            Task.of(nearness, hidden=hidden, width=width, draws=scale.near["draws"], **data)
            for hidden in reversed(DEPTHS)
            for width in reversed(scale.near["widths"])
        ),
        *(Task.of(aligned_network, version=2, model=scale.model, seed=seed, **aligning) for seed in range(scale.seeds)),
        *(
            Task.of(aligned, hidden=hidden, seed=seed, **aligning)
            for hidden in ALIGNED_DEPTHS
            for seed in range(scale.seeds)
        ),
    ]


def by_width(results: Results, function: str) -> pd.DataFrame:
    """The runs of a task, a row each, the narrowest network first."""
    return results.of(function).table.sort_values("width", kind="stable")


def measured(results: Results) -> dict[str, Estimate]:
    """Kernels approach the limit and move less with width, training is linear, true labels align more."""
    near = by_width(results, "nearness").groupby("hidden")
    return {
        **{f"root-law-{hidden}": _slope(some) for hidden, some in near},
        "two-layers": exact(results.of("aligned").table["cross"].max(skipna=False)),
        **by_seed(_of_seed, Results(results.scale, tuple(i for i in results if i.task.name != "nearness"))),
    }


def _slope(near: pd.DataFrame) -> Estimate:
    """The slope of the logarithm of the mean error by that of the width; draws of networks are left out in turn."""
    errors, widths = np.array([*near["errors"]]), np.log(near["width"].to_numpy(dtype=float))
    draws = range(errors.shape[1])
    return jackknife(lambda chosen: np.polyfit(widths, np.log(errors[:, [*chosen]].mean(axis=1)), 1)[0], draws)


def _of_seed(results: Results) -> dict[str, float]:
    nets, fits = by_width(results, "trained"), results.of("aligned").table
    widest = nets[nets["width"] == nets["width"].max()]
    both = pd.concat([fits, results.of("aligned_network").table])
    growth = nets.groupby(["hidden", "labels"])[["drift", "held_deviation"]].apply(
        lambda some: (some / some.shift()).iloc[1:]
    )
    return {
        "drift": growth["drift"].max(skipna=False),
        "linear": widest[["deviation", "held_deviation"]].to_numpy().max(),
        "linear-wider": growth["held_deviation"].max(skipna=False),
        "learnt": nets.loc[nets["labels"] == "true", "loss"].max(skipna=False),
        "alignment": (fits["true"] / fits["random"].map(np.max)).min(skipna=False),
        "centred-alignment": (both["centred_true"] / both["centred_random"].map(np.max)).min(skipna=False),
    }


def figure(results: Results) -> Figure:
    """Draw distance from the limit, drift and deviation by width, outputs and linearised ones, and alignment."""
    near, nets = by_width(results, "nearness"), by_width(results, "trained")
    drawn, ((limit, moved), (outputs, fits)) = subplots(2, 2)
    for hidden, colour in zip(DEPTHS, COLOURS, strict=False):
        found = near[near["hidden"] == hidden].set_index("width")["error"]
        limit.loglog(found, "o-", color=colour, label=f"{hidden} hidden layer{'s' * (hidden > 1)}")
        guide = found.iloc[0] * np.sqrt(found.index[0] / found.index.to_numpy())
        limit.loglog(found.index, guide, ":", color=colour, label=None if hidden > 1 else "1 / root of m")
    limit.set(xlabel="width m", ylabel="distance, relative", title="From the kernel of infinite width")
    limit.legend()
    kinds = nets.sort_values(["hidden", "labels"], ascending=[True, False], kind="stable")
    for ((layers, labels), some), colour in zip(kinds.groupby(["hidden", "labels"], sort=False), COLOURS, strict=False):
        draw_groups(moved, some, "width", "drift", color=colour, label=f"{layers} hidden, {labels}")
        draw_groups(moved, some, "width", "held_deviation", ":", color=colour)
    moved.set(xscale="log", yscale="log")
    moved.plot([], [], "-", color=GREY, label="kernel, from its start")
    moved.plot([], [], ":", color=GREY, label="outputs, from linearised")
    moved.set(xlabel="width m", ylabel="relative change", title="What training moves (labels true or random)")
    _room_above(moved, 30)
    moved.legend(loc="upper right", ncols=2, fontsize=8)
    _draw_outputs(outputs, nets[(nets["labels"] == "true") & (nets["seed"] == 0)].iloc[-1])
    _draw_alignment(fits, results)
    for axes, ticks in ((limit, near["width"].unique()), (moved, nets["width"].unique())):
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.minorticks_off()
    low, high = limit.get_ylim()
    limit.set_yticks([tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if low <= tick <= high])
    return drawn


def _room_above(axes: Any, factor: float) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * factor)


def _draw_outputs(axes: Any, item: pd.Series) -> None:
    axes.plot(STEPS, item["outputs"], color=COLOURS[0])
    axes.plot(STEPS, item["linear_outputs"], "o", color=COLOURS[1], mfc="none")
    axes.plot([], [], color=COLOURS[0], label="network")
    axes.plot([], [], "o", color=COLOURS[1], mfc="none", label="linearised")
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)
    axes.set_xticks(STEPS, [str(step) for step in STEPS])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.set(xlabel="steps k", ylabel="output", title=f"{SHOWN} points not trained on (m = {item['width']:,})")
    axes.legend(loc="upper right", ncols=2)


# Means over seeds: of the true labels' alignment, and by draw of random ones.
_SEEDS: dict[str, Any] = {"centred_true": "mean", "centred_random": lambda some: np.mean([*some], axis=0)}


def _draw_alignment(axes: Any, results: Results) -> None:
    kernels = results.of("aligned").table.groupby("hidden", as_index=False).agg(_SEEDS)
    network = results.of("aligned_network").table.groupby("model", as_index=False).agg(_SEEDS)
    fits = pd.concat([kernels, network])
    places = np.arange(len(fits))
    axes.bar(places - 0.2, fits["centred_true"], 0.4, color=COLOURS[0], label="true")
    random = fits["centred_random"]
    axes.bar(places + 0.2, random.map(np.mean), 0.4, color=COLOURS[1], label="random, mean")
    axes.plot(places + 0.2, random.map(np.max), "_", color=GREY, ms=12, mew=2, label="random, largest")
    axes.set_xticks(places, [*kernels["hidden"].map(str), *network["model"]])
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)
    axes.set(
        xlabel="hidden layers of infinite width, and a network", ylabel="alignment", title="Centred kernels and labels"
    )
    axes.legend(loc="upper right", ncols=3, fontsize=8, columnspacing=1)


STUDY = Study.load(__file__, runs, measured, figure)
