"""The design of CDR's table: data sets by kinds and rates of noise by methods, best and last epoch."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.compute import Task
from noisewise.figures import subplots
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.fit import following
from noisewise.studies.harness.statistics import difference, mean, share
from noisewise.studies.robust_early_learning.robust_early import PLAIN, accuracies, corruption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORE = "cdr"
METHODS = (PLAIN, "s-model", "forward", "t-revision", "coteaching", "coteaching-plus", "jocor", CORE)
SHORT_RUNS = {"t-revision": "t-revision:first=0.4"}
ABOVE = ("dividemix", "self-ensembling")
EASY = "mnist"
CIFAR: dict[str, Any] = {"batch_size": 64, "augment": "auto"}
LATER: dict[str, Any] = {"milestones": [0.4, 0.8]}
RESNET = "resnet18"
SHORT = {"symmetric": "sym.", "asymmetric": "asym.", "pair": "pair", "instance": "inst."}


def methods(scale: Scale) -> tuple[str, ...]:
    """The methods compared, as specs; at paper scale also those reported to be above CDR.

    Below paper scale, a tenth of the epochs is too little training to estimate a transition matrix.
    """
    if scale.name == "paper":
        return METHODS + ABOVE
    return tuple(SHORT_RUNS.get(name, name) for name in METHODS)


def noise(kind: str, rate: float, scale: Scale) -> str:
    """The corruption of a column; at paper scale noise by instance sees bytes, as in the authors' code."""
    spec = str(corruption(rate, kind))
    return f"{spec},scale=255" if kind == "instance" and scale.name == "paper" else spec


def settings(scale: Scale, source: str) -> dict[str, Any]:
    """The network and the settings for a source; at paper scale residual networks for all but MNIST."""
    if scale.name != "paper" or source == EASY:
        return dict(scale.training)
    return {**scale.training, "model": RESNET, **LATER, **(CIFAR if source.startswith("cifar") else {})}


def runs(scale: Scale) -> list[Task]:
    """Every method at every noise on every source; methods are given the noise rate."""
    return [
        following(
            source=source,
            corrupt=noise(kind, rate, scale),
            method=method,
            noise_rate=rate,
            seed=seed,
            **settings(scale, source),
        )
        for seed in range(scale.seeds)
        for source, kind, rate in product(scale.sources, scale.kinds, scale.rates)
        for method in methods(scale)
    ]


def table(results: Results, epoch: str) -> pd.DataFrame:
    """Test accuracy at the `best` or the `last` epoch, averaged over seeds.

    A row per method, and a column per source, kind of noise and rate.
    """
    scale, runs = results.scale, accuracies(results)
    runs["kind"] = runs["corrupt"].str.partition(":")[0]
    found = runs.pivot_table(epoch, "method", ["source", "kind", "noise_rate"])
    columns = pd.MultiIndex.from_product([scale.sources, scale.kinds, scale.rates])
    return found.reindex(index=list(methods(scale)), columns=columns)


def measured(results: Results) -> dict[str, Any]:
    """CDR against plain training and against every other method, over the cells of the table."""
    best: Any = table(results, "best")
    last: Any = table(results, "last")
    scale = results.scale
    lead: Any = last.loc[CORE] - last.loc[PLAIN]
    low, high = (lead.xs(rate, level=2) for rate in (scale.rates[0], scale.rates[-1]))
    found: dict[str, Any] = {
        "above-plain-last": mean(lead),
        "above-plain-often": share(int((lead > 0).sum()), len(lead)),
        "more-noise-more-gain": difference(high, low),
    }
    named = {name.partition(":")[0]: name for name in last.index}
    for method in scale.others:
        for epoch, cells in (("last", last), ("best", best)):
            found[f"above-{method}-{epoch}"] = difference(cells.loc[CORE], cells.loc[named[method]])
    if EASY in best:
        found["mnist-alike"] = difference(best.loc[CORE, EASY], best.loc[PLAIN, EASY])
    for method in ABOVE:
        if method in best.index:
            found[f"below-{method}"] = difference(best.loc[method], best.loc[CORE])
    return found


def figure(results: Results) -> Figure:
    """Draw a table for every source and for best and last epoch, coloured by the lead over plain training."""
    scale = results.scale
    drawn, panels = subplots(len(scale.sources), 2, squeeze=False)
    width = max(1.6 + 0.62 * len(scale.kinds) * len(scale.rates), 4.2)
    drawn.set_size_inches(2 * width, 3.4 * len(scale.sources))
    shown: Any = None
    for row, source in enumerate(scale.sources):
        for axes, epoch in zip(panels[row], ("best", "last"), strict=True):
            shown = _painted(axes, 100 * table(results, epoch)[source])
            axes.set_title(f"{source}: test accuracy, %, {epoch} epoch")
    drawn.colorbar(shown, ax=list(panels.flat), shrink=0.7, label="points above plain training", extend="both")
    return drawn


def _painted(axes: Axes, found: pd.DataFrame) -> Any:
    values, lead = found.to_numpy(), (found - found.loc[PLAIN]).to_numpy()
    shown = axes.imshow(lead, cmap="PuOr", vmin=-15, vmax=15, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        bold = "bold" if value == values[:, column].max() else "normal"
        dark = abs(lead[row, column]) > 11
        style: dict[str, Any] = {"weight": bold, "color": "white" if dark else "#1d1e20", "size": 8.5}
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", **style)
    labels = [
        f"{SHORT[kind]}\n{rate:.0%}" for kind, rate in found.columns.to_frame(index=False).itertuples(index=False)
    ]
    axes.set_xticks(range(len(labels)), labels, fontsize=8.5)
    axes.set_yticks(range(len(found)), [name.partition(":")[0] for name in found.index])
    axes.set_ylabel("method")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return shown


STUDY = Study.load(__file__, runs, measured, figure)
