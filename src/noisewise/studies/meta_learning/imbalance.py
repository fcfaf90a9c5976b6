"""Rare classes: weights, synthetic rows, boosting and learned weights, without and with wrong labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.classical.adaboost import boosted
from noisewise.models.trees import BoostedTrees
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import spearman
from noisewise.studies.harness.weighting import balanced, tail, weighing
from noisewise.studies.meta_learning.meta_weight_net import CASES, own, run_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATIO = 100
TAILED_ONLY, BOTH, NOISE = f"longtail:{RATIO}", "longtail:10+uniform:0.4", CASES["uniform"]
NAMES = {
    "ce": "plain",
    "class-balanced": "class-balanced",
    "focal": "focal",
    "smote": "SMOTE",
    "adaboost": "AdaBoost",
    "l2rw": "L2RW",
    "meta-weight-net": "Meta-Weight-Net",
    "self-paced": "self-paced",
    "hard-mining": "hard mining",
}
AGAINST_TAILS = tuple(NAMES)[:7]
TRUSTING = ("l2rw", "meta-weight-net")
CURRICULA = ("self-paced", "focal", "hard-mining")
_FEW: dict[str, Any] = {"classes": [9, 4], "trusted": 10, "tested": None, "batch_size": 100, "augment": "none"}
WRONG, DEPTH = "uniform:0.2", 3


def boosting(source: str, rows: int, rounds: int, depth: int, corrupt: str, seed: int) -> dict[str, Any]:
    """AdaBoost on wrong labels: the share of all weight that lies on wrong rows before every round and after the last.

    Args:
        source: See `draw`.
        rows: See `draw`.
        rounds: Number of trees.
        depth: Of the trees.
        corrupt: See `draw`.
        seed: Random seed.

    Returns:
        `shares`, (rounds + 1,), fewer where boosting ended early; `noise_rate`.
    """
    data = draw(source, rows, None, corrupt, seed)
    vectors = np.asarray(data.inputs[:]).reshape(len(data), -1).astype(np.float32)
    classes = len(data.classes)
    tensors = boosted(vectors, data.given, classes, rounds=rounds, depth=depth, shrinkage=1.0, seed=seed)
    return {
        "shares": piled(BoostedTrees(**tensors), vectors, data.given, data.given != data.truth),
        "noise_rate": data.noise_rate,
    }


def piled(trees: BoostedTrees, vectors: np.ndarray, given: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """(T + 1,) the share of the weight on wrong rows, as w <- w exp(alpha [tree wrong on the given label]) goes on.

    Args:
        trees: T trees.
        vectors: (n, d) rows.
        given: (n,) labels.
        wrong: (n,) whether a label is wrong.
    """
    weights, shares = np.full(len(given), 1 / len(given)), [float(wrong.mean())]
    for number, alpha in enumerate(trees.alphas.tolist()):
        trees.used.copy_(torch.arange(len(trees.alphas)) == number)
        with torch.no_grad():
            voted = trees(torch.as_tensor(vectors)).argmax(dim=1).numpy()
        weights = weights * np.exp(alpha * (voted != given))
        weights /= weights.sum()
        shares.append(float(weights[wrong].sum()))
    return np.array(shares)


def spec(name: str, scale: Scale) -> str:
    """The method of a name at a scale."""
    roles = {"l2rw": "reweighted", "meta-weight-net": "learned"}
    if name == "adaboost":
        return f"adaboost:rounds={scale.trees}"
    return getattr(own(scale), roles[name]) if name in roles else name


def chosen(names: Iterable[str], scale: Scale, seed: int = 0) -> list[str]:
    """The methods that run with a seed: boosted trees, which take longest, may have fewer seeds."""
    return [name for name in names if name != "adaboost" or seed < scale.tree_seeds]


def runs(scale: Scale) -> list[Task]:
    """All methods under a long tail, without and with noise; curricula under noise; nines and fours; boosting."""
    shared = own(scale)
    both = {"source": shared.source, "model": shared.model, "corrupt": BOTH, **shared.noisy, "rows": scale.rows}
    tasks = []
    for seed in range(scale.seeds):
        tasks += [run_of(scale, "long tail", spec(name, scale), seed) for name in chosen(NAMES, scale, seed)]
        tasks += [weighing(method=spec(name, scale), seed=seed, **both) for name in chosen(AGAINST_TAILS, scale, seed)]
        tasks += [run_of(scale, "uniform", spec(name, scale), seed) for name in ("ce", *CURRICULA)]
    tasks += [
        weighing(**scale.nines, **_FEW, method=spec(name, scale), seed=seed)
        for name in ("ce", "l2rw")
        for seed in range(scale.nines_seeds)
    ]
    return tasks + [Task.of(boosting, depth=DEPTH, corrupt=WRONG, seed=seed, **scale.boosted) for seed in range(2)]


def described(results: Results) -> pd.DataFrame:
    """The table of trainings with the `name` of the method, and recall averaged over classes after the last epoch.

    The column `balanced` averages over all classes, and `tail` over the three smallest.
    """
    found = results.of("weighted")
    names = {spec(name, results.scale): name for name in NAMES}
    return found.table.assign(
        name=[names[item.task.arguments["method"]] for item in found],
        balanced=[balanced(item) for item in found],
        tail=[tail(item) for item in found],
    )


def scores(runs: pd.DataFrame, corrupt: str, column: str = "balanced") -> pd.Series[float]:
    """A column under a corruption by the name of the method; the mean over seeds."""
    found: pd.Series[float] = means(runs[runs["corrupt"] == corrupt], "name", column)
    return found


def off_formula(sizes: np.ndarray, ratio: float) -> int:
    """Largest difference in rows between the sizes (K,) of classes and floor(n_1 ratio^(-k / (K - 1)))."""
    wanted = np.floor(sizes[0] * float(ratio) ** (-np.arange(len(sizes)) / (len(sizes) - 1)) + 1e-9)
    return int(np.abs(sizes - wanted).max())


def measured(results: Results) -> dict[str, float]:
    """Rare classes, curricula of both directions, noise on top, nines and fours, and boosting under noise."""
    runs, boosts = described(results), results.of("boosting")
    tailed, noisy, both = (scores(runs, corrupt) for corrupt in (TAILED_ONLY, NOISE, BOTH))
    rarest = scores(runs, TAILED_ONLY, "tail")
    two = scores(runs, results.scale.nines["corrupt"])
    raised = ["class-balanced", "smote", "l2rw"]
    others = both.drop([*TRUSTING]).max(skipna=False)
    hard = ["focal", "hard-mining"]
    return {
        "sizes": max(off_formula(sizes, RATIO) for sizes in runs[runs["corrupt"] == TAILED_ONLY]["sizes"]),
        **{f"{name}-balanced": tailed[name] - tailed["ce"] for name in (*raised, "meta-weight-net")},
        "tail": rarest[raised].min(skipna=False) - rarest["ce"],
        "nines-and-fours": two["l2rw"],
        "nines-and-fours-plain": two["l2rw"] - two["ce"],
        "noise-easy-rows": noisy["self-paced"] - noisy["ce"],
        "noise-hard-rows": noisy[hard].max(skipna=False) - noisy["ce"],
        "tail-hard-rows": rarest[hard].min(skipna=False) - rarest["self-paced"],
        "both-trusted": both["l2rw"] - others,
        "both-learned": both["meta-weight-net"] - others,
        "boosting-piles-up": np.min([item["shares"][-1] / item["noise_rate"] for item in boosts]),
        "boosting-grows": np.min([spearman(np.arange(len(item["shares"])), item["shares"]) for item in boosts]),
    }


def figure(results: Results) -> Figure:
    """Draw balanced and tail accuracy by method, without and with noise; by class; two classes; curricula; boosting."""
    drawn, ((tails, both, alone), (recalls, two, piles)) = subplots(2, 3)
    runs = described(results)
    _draw_bars(tails, runs, TAILED_ONLY, f"Long tail ({TAILED_ONLY})")
    _draw_bars(both, runs, BOTH, f"And noise ({BOTH})")
    noisy, names = scores(runs, NOISE), ["ce", *CURRICULA][::-1]
    alone.barh(range(4), noisy[names], 0.6, color=COLOURS[0])
    alone.axvline(noisy["ce"], color=GREY, linewidth=1, linestyle="--")
    alone.set_yticks(range(4), [NAMES[name] for name in names])
    alone.set(xlabel="test accuracy", ylabel="method", xlim=(0, 1), title=f"Noise alone ({NOISE})")
    alone.grid(visible=False, axis="y")
    _draw_classes(recalls, runs[runs["corrupt"] == TAILED_ONLY])
    nines = runs[runs["corrupt"] == results.scale.nines["corrupt"]]
    for name, colour in (("ce", COLOURS[0]), ("l2rw", COLOURS[2])):
        curves = [found.mean(axis=1) for found in nines[nines["name"] == name]["recalls"]]
        draw_runs(two, range(1, len(curves[0]) + 1), curves, color=colour, label=NAMES[name])
    two.set(xlabel="epoch", ylabel="balanced test accuracy", title="Many nines, few fours")
    two.legend(loc="lower right")
    _draw_piles(piles, results.of("boosting"))
    return drawn


def _draw_classes(axes: Axes, runs: pd.DataFrame) -> None:
    for name, colour in zip(("ce", "class-balanced", "l2rw", "smote", "self-paced"), COLOURS, strict=False):
        ends = [found[-1] for found in runs[runs["name"] == name]["recalls"]]
        draw_runs(axes, range(1, len(ends[0]) + 1), ends, "o-", ms=4, color=colour, label=NAMES[name])
    axes.set(xlabel="class, from the largest to the smallest", ylabel="test recall", ylim=(-0.02, 1.02))
    axes.set_title("By class, long tail")
    axes.legend(loc="lower left", fontsize=8)


def _draw_piles(axes: Axes, results: Results) -> None:
    for item in results:
        seed = item.task.arguments["seed"]
        axes.plot(item["shares"], color=COLOURS[seed], label=f"weight, seed {seed}")
        axes.axhline(item["noise_rate"], color=COLOURS[seed], linewidth=1, linestyle="--")
    axes.plot([], [], "--", color=GREY, linewidth=1, label="share of rows")
    axes.set(xlabel="round", ylabel="share", ylim=(0, None), title=f"AdaBoost: wrong labels ({WRONG})")
    axes.legend(loc="lower right", ncols=2, fontsize=8)


def _draw_bars(axes: Axes, runs: pd.DataFrame, corrupt: str, title: str) -> None:
    found, rare = scores(runs, corrupt), scores(runs, corrupt, "tail")
    names = [name for name in NAMES if name in found.index]
    places = np.arange(len(names))[::-1]
    axes.barh(places + 0.2, found[names], 0.38, color=COLOURS[0], label="all")
    axes.barh(places - 0.2, rare[names], 0.38, color=COLOURS[1], label="three rarest")
    axes.axvline(found["ce"], color=GREY, linewidth=1, linestyle="--")
    axes.set_yticks(places, [NAMES[name] for name in names])
    axes.set(xlabel="mean test recall of classes", ylabel="method", title=title)
    axes.set(xlim=(0, 1.35), xticks=(0, 0.2, 0.4, 0.6, 0.8, 1))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="center right", fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
