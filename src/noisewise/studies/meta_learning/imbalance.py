"""Rare classes: a table of methods by imbalance factor, wrong labels on top, nines and fours, and boosting."""

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
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.drawing import draw_groups, draw_runs
from noisewise.studies.harness.fine_tuning import FINE_TUNING
from noisewise.studies.harness.statistics import difference, exact, mean
from noisewise.studies.harness.weighting import GRID, balanced, curve, tail, weighing
from noisewise.studies.meta_learning.meta_weight_net import CASES, run_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOISE, BOTH = CASES["uniform"], "longtail:10+uniform:0.4"
NAMES = {
    "ce": "plain",
    "focal": "focal",
    "class-balanced": "class-balanced",
    "fine-tuning": "fine-tuning",
    "l2rw": "L2RW",
    "meta-weight-net": "Meta-Weight-Net",
    "smote": "SMOTE",
    "adaboost": "AdaBoost",
    "self-paced": "self-paced",
    "hard-mining": "hard mining",
}
SWEPT = tuple(NAMES)[:6]
AGAINST_TAILS = tuple(NAMES)[:8]
TRUSTING = ("fine-tuning", "l2rw", "meta-weight-net")
CURRICULA = ("self-paced", "focal", "hard-mining")
HARD = ("focal", "hard-mining")
OF_NINES = ("ce", "class-balanced", "l2rw")
_FEW: dict[str, Any] = {"classes": [9, 4], "trusted": 10, "tested": None, "batch_size": 100, "augment": "none"}
WRONG, DEPTH, EARLY = "uniform:0.2", 3, 10
MOST = 199  # nines for a four, the paper's largest imbalance


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
    stated = {
        "fine-tuning": FINE_TUNING,
        "l2rw": scale.reweighted,
        "meta-weight-net": scale.learned,
        "adaboost": f"adaboost:rounds={scale.trees}",
    }
    return str(stated.get(name, name))


def of_two(name: str, scale: Scale) -> str:
    """The method of a name for nines and fours, where L2RW has its own settings."""
    return str(scale.reweighted_nines) if name == "l2rw" else spec(name, scale)


def chosen(names: Iterable[str], scale: Scale, seed: int) -> list[str]:
    """The methods that run with a seed: boosted trees, which take longest, may have fewer seeds."""
    return [name for name in names if name != "adaboost" or seed < scale.tree_seeds]


def long_tail(factor: int) -> str:
    """The corruption of an imbalance factor, the size of the largest class over that of the smallest."""
    return f"longtail:{factor}"


def nines(ratio: int) -> str:
    """The corruption of two classes, of which the first is so many times as large as the second."""
    return f"longtail:{ratio}"


def runs(scale: Scale) -> list[Task]:
    """The table by factor; all methods at one factor, and with noise; curricula under noise; nines; boosting."""
    shared = {"source": scale.source, "model": scale.model, **scale.tailed}
    shared["trusted"] = scale.trusted_of.get(scale.source, shared["trusted"])
    settings = []
    for seed in range(scale.seeds):
        settings += [(long_tail(f), name, seed) for f in scale.factors if f > 1 for name in SWEPT]
        settings += [(long_tail(scale.factor), name, seed) for name in chosen(NAMES, scale, seed)]
        settings += [(BOTH, name, seed) for name in chosen(AGAINST_TAILS, scale, seed)]
    settings += [(long_tail(1), name, seed) for name in SWEPT for seed in range(scale.level_seeds)]
    tasks = [weighing(corrupt=c, method=spec(name, scale), seed=seed, **shared) for c, name, seed in settings]
    tasks += [run_of(scale, "uniform", spec(n, scale), s) for n in ("ce", *CURRICULA) for s in range(scale.seeds)]
    tasks += [
        weighing(**scale.nines, **_FEW, corrupt=nines(ratio), method=of_two(name, scale), seed=seed)
        for ratio in scale.ratios
        for name in OF_NINES
        for seed in range(scale.nines_seeds)
    ]
    boosts = [Task.of(boosting, depth=DEPTH, corrupt=WRONG, seed=s, **scale.boosted) for s in range(scale.seeds)]
    return tasks + boosts


def described(results: Results) -> pd.DataFrame:
    """The table of trainings with the `name` of the method, and recall averaged over classes after the last epoch.

    The column `two` says whether a run is of nines and fours, `balanced` averages over all classes, and `tail` over the
    three smallest.
    """
    found = results.of("weighted")
    names = {of(name, results.scale): name for of in (spec, of_two) for name in NAMES}
    return found.table.assign(
        name=[names[item.task.arguments["method"]] for item in found],
        two=[isinstance(item.task.arguments.get("classes"), list) for item in found],
        balanced=[balanced(item) for item in found],
        tail=[tail(item) for item in found],
    )


def ends(runs: pd.DataFrame, corrupt: str, column: str = "balanced", two: bool = False) -> pd.DataFrame:
    """A column under a corruption, by seed and by the name of the method.

    Args:
        runs: As `described` gives them.
        corrupt: The corruption.
        column: What to read.
        two: Of nines and fours in place of all classes.
    """
    found = runs[(runs["corrupt"] == corrupt) & (runs["two"] == two)]
    return found.pivot_table(index="seed", columns="name", values=column)


def gains(runs: pd.DataFrame, factors: Iterable[int], name: str, over: str = "ce") -> pd.Series[float]:
    """What a method gains in balanced accuracy over another, by seed; the mean over imbalance factors."""
    tables = [ends(runs, long_tail(factor)) for factor in factors]
    found: pd.Series[float] = pd.concat([table[name] - table[over] for table in tables], axis=1).mean(axis=1)
    return found


def best(table: pd.DataFrame, names: Iterable[str]) -> str:
    """The method with the highest mean over seeds."""
    return str(table[[name for name in names if name in table]].mean().idxmax())


def off_formula(sizes: np.ndarray, ratio: float) -> int:
    """Largest difference in rows between the sizes (K,) of classes and floor(n_1 ratio^(-k / (K - 1)))."""
    wanted = np.floor(sizes[0] * float(ratio) ** (-np.arange(len(sizes)) / (len(sizes) - 1)) + 1e-9)
    return int(np.abs(sizes - wanted).max())


def measured(results: Results) -> dict[str, Estimate]:
    """The table by factor, rare classes at one of them, curricula, noise on top, nines and fours, and boosting."""
    runs, scale = described(results), results.scale
    skewed = [factor for factor in scale.factors if factor > 1]
    half = (len(skewed) + 1) // 2
    level, steepest = ends(runs, long_tail(1)), ends(runs, long_tail(max(skewed)))
    by_method = pd.DataFrame({name: gains(runs, skewed, name) for name in SWEPT})
    others = best(by_method, [name for name in SWEPT if name != "meta-weight-net"])
    single, rare = (ends(runs, long_tail(scale.factor), column) for column in ("balanced", "tail"))
    of_factors = runs[~runs["two"] & runs["corrupt"].isin([long_tail(factor) for factor in scale.factors])]
    return {
        "sizes": exact(
            max(off_formula(s, float(c.split(":")[1])) for c, s in of_factors[["corrupt", "sizes"]].to_numpy())
        ),
        "costs": mean((level["ce"] - steepest["ce"]).dropna()),
        **{f"{name}-balanced": mean(by_method[name]) for name in SWEPT[1:]},
        "smote-balanced": difference(single["smote"], single["ce"]),
        "learned-best": difference(by_method["meta-weight-net"], by_method[others]),
        "grows": difference(*(gains(runs, part, "class-balanced") for part in (skewed[:half], skewed[half:]))),
        "level": mean((level["l2rw"] - level["ce"]).dropna()),
        **{f"{name}-tail": difference(rare[name], rare["ce"]) for name in ("class-balanced", "smote", "l2rw")},
        **{f"{name}-tail": difference(rare[name], rare["self-paced"]) for name in HARD},
        **_of_noise(runs),
        **_of_nines(runs, max(scale.ratios)),
        **_of_boosting(results.of("boosting")),
    }


def _of_noise(runs: pd.DataFrame) -> dict[str, Estimate]:
    noisy, both = ends(runs, NOISE), ends(runs, BOTH)
    rival = both[best(both, [name for name in AGAINST_TAILS if name not in (*TRUSTING, "adaboost")])]
    return {
        "noise-easy-rows": difference(noisy["self-paced"], noisy["ce"]),
        **{f"noise-{name}": difference(noisy[name], noisy["ce"]) for name in HARD},
        "both-trusted": difference(both["l2rw"], rival),
        "both-learned": difference(both["meta-weight-net"], rival),
    }


def _of_nines(runs: pd.DataFrame, ratio: int) -> dict[str, Estimate]:
    two = ends(runs, nines(ratio), two=True)
    return {
        **({"nines-and-fours": mean(two["l2rw"])} if ratio == MOST else {}),
        "nines-and-fours-plain": difference(two["l2rw"], two["ce"]),
        "nines-and-fours-weights": difference(two["l2rw"], two["class-balanced"]),
    }


def _of_boosting(results: Results) -> dict[str, Estimate]:
    shares = [item["shares"] for item in results]
    rates = [item["noise_rate"] for item in results]
    return {
        "boosting-piles-up": mean([share[-1] / rate for share, rate in zip(shares, rates, strict=True)]),
        "boosting-grows": mean([share[min(EARLY, len(share) - 1)] - share[1] for share in shares]),
    }


def figure(results: Results) -> Figure:
    """Draw the table by factor and what was learned; all methods by class and with noise; two classes; boosting."""
    drawn, ((table, gained, learned), (tails, recalls, both), (alone, two, piles)) = subplots(3, 3)
    runs, scale = described(results), results.scale
    _draw_factors(table, gained, runs, scale)
    _draw_learned(learned, results)
    _draw_bars(tails, runs, long_tail(scale.factor), f"Imbalance factor {scale.factor}")
    _draw_classes(recalls, runs[(runs["corrupt"] == long_tail(scale.factor)) & ~runs["two"]], scale.factor)
    _draw_bars(both, runs, BOTH, "Factor 10 and 40 % wrong labels")
    noisy, names = ends(runs, NOISE), ["ce", *CURRICULA][::-1]
    alone.barh(range(4), noisy[names].mean(), 0.6, xerr=noisy[names].sem(), color=COLOURS[0])
    alone.axvline(noisy["ce"].mean(), color=GREY, linewidth=1, linestyle="--")
    alone.set_yticks(range(4), [NAMES[name] for name in names])
    alone.set(xlabel="test accuracy", ylabel="method", xlim=(0, 1), title="40 % wrong labels (dashed: plain)")
    alone.grid(visible=False, axis="y")
    pairs = runs[runs["two"]].assign(ratio=runs["corrupt"].str.split(":").str[1].str.split("+").str[0].astype(float))
    for name, colour in zip(OF_NINES, (COLOURS[0], COLOURS[2], COLOURS[4]), strict=True):
        draw_groups(two, pairs[pairs["name"] == name], "ratio", "balanced", color=colour, label=NAMES[name])
    two.set_xscale("log")
    two.set_xticks(scale.ratios, [f"{100 * ratio / (ratio + 1):.3g} %" for ratio in scale.ratios], minor=False)
    two.set_xticks([], minor=True)
    two.set(xlabel="share of nines", ylabel="mean recall of nines and fours", title="Many nines, few fours")
    two.legend(loc="lower left")
    _draw_piles(piles, results.of("boosting"))
    return drawn


def _draw_factors(table: Axes, gained: Axes, runs: pd.DataFrame, scale: Scale) -> None:
    for name, colour in zip(SWEPT, COLOURS, strict=False):
        found = {factor: ends(runs, long_tail(factor)) for factor in sorted(scale.factors)}
        table.plot([*found], [t[name].mean() for t in found.values()], "o-", color=colour, label=NAMES[name])
        gain = [t[name] - t["ce"] for t in found.values()]
        if name != "ce":
            means, errors = (np.array([ask(g) for g in gain]) for ask in (pd.Series.mean, pd.Series.sem))
            gained.errorbar([*found], means, errors, fmt="o-", color=colour, label=NAMES[name])
    gained.axhline(0, color=GREY, linewidth=1, linestyle="--")
    for axes in (table, gained):
        axes.set_xscale("log")
        axes.set_xticks(sorted(scale.factors), [str(factor) for factor in sorted(scale.factors)], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel("imbalance factor")
    table.set(ylabel="mean test recall of classes", title="By imbalance factor")
    gained.set(ylabel="over plain training", title="Gain over plain (± standard error)")
    table.legend(loc="lower left", fontsize=8)


def _draw_learned(axes: Axes, results: Results) -> None:
    factors = sorted(results.scale.factors)
    for factor, colour in zip((factors[0], factors[len(factors) // 2], factors[-1]), COLOURS, strict=False):
        found = results.of("weighted").where(
            corrupt=long_tail(factor), method=results.scale.learned, source=results.scale.source
        )
        axes.plot(GRID, curve(found), color=colour, label=f"factor {factor}")
    axes.set(xlabel="loss", ylabel="weight v", ylim=(-0.03, 1.03), title="Learned by Meta-Weight-Net")
    axes.legend(loc="lower right", fontsize=8)


def _draw_classes(axes: Axes, runs: pd.DataFrame, factor: int) -> None:
    for name, k in {"ce": 0, "class-balanced": 2, "fine-tuning": 3, "l2rw": 4, "self-paced": 6}.items():
        last = [found[-1] for found in runs[runs["name"] == name]["recalls"]]
        draw_runs(axes, range(1, len(last[0]) + 1), last, "o-", ms=4, color=COLOURS[k], label=NAMES[name])
    axes.set(xlabel="class, from the largest to the smallest", ylabel="test recall", ylim=(-0.02, 1.02))
    axes.set_title(f"By class, factor {factor}")
    axes.legend(loc="lower left", fontsize=8)


def _draw_piles(axes: Axes, results: Results) -> None:
    draw_runs(axes, range(len(results.items[0]["shares"])), [item["shares"] for item in results], label="of the weight")
    rate = float(np.mean([item["noise_rate"] for item in results]))
    axes.axhline(rate, color=GREY, linewidth=1, linestyle="--", label="of the rows")
    axes.set(xlabel="round", ylabel="share of wrong labels", ylim=(0, None), title="AdaBoost, 20 % uniform noise")
    axes.legend(loc="lower right", fontsize=8)


def _draw_bars(axes: Axes, runs: pd.DataFrame, corrupt: str, title: str) -> None:
    found, rare = ends(runs, corrupt), ends(runs, corrupt, "tail")
    names = [name for name in NAMES if name in found]
    places = np.arange(len(names))[::-1]
    for values, colour, shift, label in ((found, COLOURS[0], 0.2, "all"), (rare, COLOURS[1], -0.2, "three rarest")):
        axes.barh(places + shift, values[names].mean(), 0.38, xerr=values[names].sem(), color=colour, label=label)
    axes.axvline(found["ce"].mean(), color=GREY, linewidth=1, linestyle="--")
    axes.set_yticks(places, [NAMES[name] for name in names])
    axes.set(xlabel="mean test recall of classes (dashed: plain)", ylabel="method", title=title)
    axes.set(xlim=(0, 1.35), xticks=(0, 0.2, 0.4, 0.6, 0.8, 1))
    axes.grid(visible=False, axis="y")
    axes.legend(loc="center right", fontsize=8)


STUDY = Study.load(__file__, runs, measured, figure)
