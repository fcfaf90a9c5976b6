"""Rare classes: weights, made rows, boosting and learned weights, without and with wrong labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.methods.classical.adaboost import boosted
from noisewise.models.trees import BoostedTrees
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.statistics import spearman
from noisewise.studies.harness.weighting import balanced, tail, weighing
from noisewise.studies.meta_learning.meta_weight_net import CASES, NETS, NOISY, SOURCES, method_of, run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from noisewise.compute import Result

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
CURRICULA = ("self-paced", "focal", "hard-mining")
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}
TWO_SEEDS = {"smoke": 1, "cpu": 5, "paper": 10}
ROWS = {"smoke": 500, "cpu": 10_000, "paper": None}
NINES: dict[str, dict[str, Any]] = {
    "smoke": {"source": "digits", "model": "mlp:64", "rows": 270, "corrupt": "longtail:20", "epochs": 10},
    "cpu": {"source": "mnist", "model": "mlp:128", "rows": 9900, "corrupt": "longtail:199", "epochs": 20},
    "paper": {"source": "mnist", "model": "lenet", "rows": 9900, "corrupt": "longtail:199", "epochs": 160},
}
_FEW: dict[str, Any] = {"classes": [9, 4], "trusted": 10, "tested": None, "batch_size": 100, "augment": "none"}
STEPS: dict[str, dict[str, Any]] = {
    "smoke": {"lr": 0.02},
    "cpu": {"lr": 0.02},
    "paper": {"lr": 0.001, "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant"},
}
BOOSTED: dict[str, dict[str, Any]] = {
    "smoke": {"source": "digits", "rows": 500, "rounds": 20},
    "cpu": {"source": "digits", "rows": 1400, "rounds": 100},
    "paper": {"source": "mnist", "rows": 10_000, "rounds": 100},
}
WRONG, DEPTH = "uniform:0.2", 3


def boosting(source: str, rows: int, rounds: int, depth: int, corrupt: str, seed: int) -> dict[str, Any]:
    """AdaBoost on wrong labels: the share of all weight that lies on wrong rows before every round and after the last.

    Args:
        source, rows, corrupt, seed: see `draw`. rounds, depth: of the trees.

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
        trees: T of them. vectors: (n, d) rows. given: (n,) labels. wrong: (n,) which of them are.
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


def spec(name: str, scale: str) -> str:
    """The method of a name at a scale."""
    roles = {"l2rw": "reweighted", "meta-weight-net": "learned"}
    if name == "adaboost":
        return f"adaboost:rounds={5 if scale == 'smoke' else 50}"
    return method_of(roles[name], scale) if name in roles else name


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """All methods under a long tail, without and with noise; curricula under noise; nines and fours; boosting."""
    shared = {"source": source or SOURCES[scale], "model": model or NETS[scale]}
    tasks = []
    for seed in range(SEEDS[scale]):
        for name in NAMES:
            if _runs(name, scale, seed):
                tasks.append(run_of(scale, "long tail", spec(name, scale), seed, source, model))
        for name in AGAINST_TAILS:
            if _runs(name, scale, seed):
                sizes = {**NOISY[scale], "rows": ROWS[scale]}
                tasks.append(weighing(**shared, method=spec(name, scale), corrupt=BOTH, seed=seed, **sizes))
        tasks += [run_of(scale, "uniform", spec(name, scale), seed, source, model) for name in ("ce", *CURRICULA)]
    tasks += [nines(scale, name, seed) for name in ("ce", "l2rw") for seed in range(TWO_SEEDS[scale])]
    tasks += [Task.of(boosting, depth=DEPTH, corrupt=WRONG, seed=seed, **BOOSTED[scale]) for seed in range(2)]
    return tasks


def _runs(name: str, scale: str, seed: int) -> bool:
    """Whether a method runs: boosted trees, which take longest, with one seed and not at paper."""
    return name != "adaboost" or (scale != "paper" and seed == 0)


def nines(scale: str, name: str, seed: int) -> Task:
    """One training on many nines and few fours."""
    return weighing(**NINES[scale], **_FEW, **STEPS[scale], method=spec(name, scale), seed=seed)


def _score(results: Results, corrupt: str, name: str, score: Callable[[Result], float] = balanced) -> float:
    """The mean of a score over the seeds of a method under a corruption."""
    found = results.of("weighted").where(corrupt=corrupt, method=spec(name, results.scale), classes=None)
    return float(np.mean([score(item) for item in found]))


def _nines_of(results: Results, name: str) -> Results:
    return results.of("weighted").where(classes=_FEW["classes"], method=spec(name, results.scale))


def _two(results: Results, name: str) -> float:
    return float(np.mean([balanced(item) for item in _nines_of(results, name)]))


def off_formula(sizes: np.ndarray, ratio: float) -> int:
    """By how many rows the sizes (K,) of classes differ from floor(n_1 ratio^(-k / (K - 1))), at most."""
    wanted = np.floor(sizes[0] * float(ratio) ** (-np.arange(len(sizes)) / (len(sizes) - 1)) + 1e-9)
    return int(np.abs(sizes - wanted).max())


def claims(results: Results) -> list[Claim]:
    """Rare classes, curricula on either side, noise on top, nines and fours, and boosted noise."""
    return [*_rare(results), *_curricula(results), *_together(results), *_boosted(results)]


def _rare(results: Results) -> list[Claim]:
    plain, few = _score(results, TAILED_ONLY, "ce"), _score(results, TAILED_ONLY, "ce", tail)
    tailed = results.of("weighted").where(corrupt=TAILED_ONLY)
    gains = [
        Claim(
            f"{name}-balanced",
            f"Under a long tail {NAMES[name]} raises the balanced accuracy over plain training.",
            _score(results, TAILED_ONLY, name) - plain,
            ">",
            0.0,
        )
        for name in ("class-balanced", "smote", "l2rw", "meta-weight-net")
    ]
    return [
        Claim(
            "sizes",
            "Class sizes fall as floor(n_1 100^(-k / (K - 1))) (largest difference in rows).",
            float(max(off_formula(item["sizes"], RATIO) for item in tailed)),
            "==",
            0.0,
        ),
        *gains,
        Claim(
            "tail",
            "Class-balanced weights, SMOTE and L2RW raise the recall of the three rarest classes by at least 2 points "
            "(least of them).",
            min(_score(results, TAILED_ONLY, name, tail) for name in ("class-balanced", "smote", "l2rw")) - few,
            ">=",
            0.02,
        ),
        Claim(
            "nines-and-fours",
            "With 99.5 % of the rows of one of two classes L2RW reaches a balanced accuracy of 85 %.",
            _two(results, "l2rw"),
            ">=",
            0.85,
        ),
        Claim(
            "nines-and-fours-plain",
            "There plain training stays at least 10 points below.",
            _two(results, "l2rw") - _two(results, "ce"),
            ">=",
            0.1,
        ),
    ]


def _curricula(results: Results) -> list[Claim]:
    plain = _score(results, NOISE, "ce")
    hard = [_score(results, NOISE, name) for name in ("focal", "hard-mining")]
    rare = [_score(results, TAILED_ONLY, name, tail) for name in ("focal", "hard-mining")]
    return [
        Claim(
            "noise-easy-rows",
            "Under noise alone preferring easy rows (self-paced) beats plain training by at least 1 point.",
            _score(results, NOISE, "self-paced") - plain,
            ">=",
            0.01,
        ),
        Claim(
            "noise-hard-rows",
            "There focal loss and hard mining, which prefer hard rows, do not (the better of them less plain).",
            max(hard) - plain,
            "<=",
            0.0,
        ),
        Claim(
            "tail-hard-rows",
            "On the three rarest classes of a long tail both recall at least as much as self-paced training (least).",
            min(rare) - _score(results, TAILED_ONLY, "self-paced", tail),
            ">=",
            0.0,
        ),
    ]


def _together(results: Results) -> list[Claim]:
    names = [name for name in AGAINST_TAILS if _runs(name, results.scale, 0)]
    scores = {name: _score(results, BOTH, name) for name in names}
    others = max(score for name, score in scores.items() if name not in ("l2rw", "meta-weight-net"))
    return [
        Claim(
            "both-trusted",
            "With noise on top of a long tail L2RW, which has trusted rows, beats all methods that have none by at "
            "least 1 point.",
            scores["l2rw"] - others,
            ">=",
            0.01,
        ),
        Claim(
            "both-learned",
            "So does Meta-Weight-Net.",
            scores["meta-weight-net"] - others,
            ">=",
            0.01,
        ),
    ]


def _boosted(results: Results) -> list[Claim]:
    found = results.of("boosting")
    ends = [item["shares"][-1] / item["noise_rate"] for item in found]
    return [
        Claim(
            "boosting-piles-up",
            "AdaBoost puts at least 1.5 times their share of the rows on wrong labels (least over seeds).",
            float(min(ends)),
            ">=",
            1.5,
        ),
        Claim(
            "boosting-grows",
            "The weight on wrong labels grows with the rounds (rank correlation, least over seeds).",
            min(spearman(np.arange(len(item["shares"])), item["shares"]) for item in found),
            ">=",
            0.8,
        ),
    ]


def figure(results: Results) -> Figure:
    """Balanced and tail accuracy by method, without and with noise; by class; two classes; curricula; boosting."""
    drawn, ((tails, both, alone), (recalls, two, piles)) = subplots(2, 3)
    _draw_bars(tails, results, TAILED_ONLY, f"Long tail ({TAILED_ONLY})")
    _draw_bars(both, results, BOTH, f"And noise ({BOTH})")
    names = ("ce", *CURRICULA)
    alone.barh(range(4), [_score(results, NOISE, name) for name in reversed(names)], 0.6, color=COLOURS[0])
    alone.axvline(_score(results, NOISE, "ce"), color=GREY, linewidth=1, linestyle="--")
    alone.set_yticks(range(4), [NAMES[name] for name in reversed(names)])
    alone.set(xlabel="test accuracy", xlim=(0, 1), title=f"Noise alone ({NOISE})")
    alone.grid(visible=False, axis="y")
    _draw_classes(recalls, results)
    for name, colour in (("ce", COLOURS[0]), ("l2rw", COLOURS[2])):
        mean = np.mean([item["recalls"].mean(axis=1) for item in _nines_of(results, name)], axis=0)
        two.plot(range(1, len(mean) + 1), mean, color=colour, label=NAMES[name])
    two.set(xlabel="epoch", ylabel="balanced test accuracy", title="Many nines, few fours")
    two.legend(loc="lower right")
    _draw_piles(piles, results)
    return drawn


def _draw_classes(axes: Axes, results: Results) -> None:
    for name, colour in zip(("ce", "class-balanced", "l2rw", "smote", "self-paced"), COLOURS, strict=False):
        found = results.of("weighted").where(corrupt=TAILED_ONLY, method=spec(name, results.scale), classes=None)
        mean = np.mean([item["recalls"][-1] for item in found], axis=0)
        axes.plot(range(1, len(mean) + 1), mean, "o-", ms=3, color=colour, label=NAMES[name])
    axes.set(xlabel="class, from the largest to the smallest", ylabel="test recall", ylim=(-0.02, 1.02))
    axes.set_title("By class, long tail")
    axes.legend(loc="lower left", fontsize=8)


def _draw_piles(axes: Axes, results: Results) -> None:
    for item in results.of("boosting"):
        seed = item.task.arguments["seed"]
        axes.plot(item["shares"], color=COLOURS[seed], label=f"weight, seed {seed}")
        axes.axhline(item["noise_rate"], color=COLOURS[seed], linewidth=1, linestyle="--", label=f"rows, seed {seed}")
    axes.set(xlabel="round", ylabel="share", ylim=(0, None), title=f"AdaBoost: wrong labels ({WRONG})")
    axes.legend(loc="lower right", ncols=2, fontsize=8)


def _draw_bars(axes: Axes, results: Results, corrupt: str, title: str) -> None:
    asked = set(results.of("weighted").where(corrupt=corrupt, classes=None).choices("method"))
    names = [name for name in NAMES if spec(name, results.scale) in asked]
    places = np.arange(len(names))[::-1]
    axes.barh(places + 0.2, [_score(results, corrupt, name) for name in names], 0.38, color=COLOURS[0], label="all")
    rare = [_score(results, corrupt, name, tail) for name in names]
    axes.barh(places - 0.2, rare, 0.38, color=COLOURS[1], label="three rarest")
    axes.axvline(_score(results, corrupt, "ce"), color=GREY, linewidth=1, linestyle="--")
    axes.set_yticks(places, [NAMES[name] for name in names])
    axes.set(xlabel="mean test recall of classes", xlim=(0, 1.35), xticks=(0, 0.2, 0.4, 0.6, 0.8, 1), title=title)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="center right", fontsize=8)


STUDY = Study(
    Card(
        name="imbalance",
        title="What helps rare classes, and what is left of it when labels are wrong",
        shows="Plain training, class weights, focal loss, SMOTE, AdaBoost, L2RW and Meta-Weight-Net on classes whose "
        "sizes fall exponentially, without and with label noise, by balanced accuracy and by recall of the rarest "
        "classes. Nines and fours with 99.5 % nines, and where AdaBoost puts its weights under noise, are beside them.",
        paper="Ren, Zeng, Yang and Urtasun, Learning to Reweight Examples for Robust Deep Learning, ICML",
        year=2018,
        figure="the experiment on MNIST 4 and 9; long tails: Shu et al., Meta-Weight-Net, NeurIPS 2019",
        explanation="Frequent classes own most of the gradient, and a network that fits them first gives rare rows to "
        "them. Class weights and made rows hand the gradient back by class, as long as the classes are true: SMOTE "
        "makes wrong rows of wrong ones, and under noise falls far below plain training. Focal loss, hard mining and "
        "boosting hand it back by loss: rare rows are hard, but so are wrong ones, and boosting has most of its weight "
        "on them after ten rounds, and no more of it after a hundred. Self-paced training drops the hard rows, which "
        "is right under noise. Only trusted rows say which of the hard rows are rare and which are wrong. Not all "
        "claims hold: under the long tail Meta-Weight-Net ends 5 points below plain training and focal loss recalls "
        "the rarest classes 1.5 points worse than self-paced training, probably because on Fashion-MNIST the rarest "
        "classes are not the hardest: plain training recalls them as well as the rest; with noise on top "
        "Meta-Weight-Net is ahead of plain training by 0.2 points only; and L2RW reaches 82 % on nines and fours "
        "rather than 85, probably because much hangs on which ten rows are trusted.",
        departures="At cpu a perceptron of 128 units on Fashion-MNIST rather than ResNet-32 on CIFAR-10, 30 epochs, "
        "and two seeds. Nines and fours at cpu are learned by a perceptron in 20 epochs at a learning rate of 0.02 "
        "rather than by LeNet in 8,000 steps at 0.001, with five seeds, two in a pilot run; L2RW "
        "bounds a row's weight by 2. AdaBoost and SMOTE work on pixels, and AdaBoost runs with 50 trees and one seed, "
        "and not at paper. Boosted noise is on digits.",
        scales={
            "smoke": "digits: a long tail of 1,000 rows, 600 rows under noise, a perceptron, 10 epochs, one seed",
            "cpu": "Fashion-MNIST: a long tail of 20,000 rows, one of 10,000 with noise, 4,000 rows under noise alone, "
            "MLP 1x128, 30 epochs, two seeds; MNIST nines and fours, five seeds; AdaBoost on digits",
            "paper": "CIFAR-10 whole: ResNet-32, three seeds; MNIST nines and fours: LeNet, ten seeds",
        },
        budget={"smoke": 50, "cpu": 360},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
