"""Networks that withstand adversarial examples because they were trained on them; and such examples as noise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Result, Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.statistics import spearman
from noisewise.training import Config

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HERE = "noisewise.studies.attacks"  # the former name, which keys of results contain
EPS = 0.3
RADII = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
NOISES = (0.1, 0.2, 0.3)
SOURCES = {"smoke": "digits", "cpu": "mnist", "paper": "mnist"}
NETS = {"smoke": "mlp:64", "cpu": f"{HERE}:narrow_net", "paper": f"{HERE}:challenge_net"}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 1}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"rows": 300, "tested": 100, "epochs": 10, "batch_size": 50, "rate": 0.005},
    "cpu": {"rows": 4000, "tested": 500, "epochs": 6, "batch_size": 100, "rate": 0.001},
    "paper": {"rows": None, "tested": None, "epochs": 83, "batch_size": 50, "rate": 0.0001},
}
DEFENCE: dict[str, dict[str, Any]] = {
    "smoke": {"epochs": 12, "train_steps": 3, "warm": 2},
    "cpu": {"epochs": 24, "train_steps": 5, "warm": 5},
    "paper": {"epochs": 83, "train_steps": 40, "warm": 0},
}
STEPS = {"smoke": 10, "cpu": 20, "paper": 40}
NOISE_STEPS = {"smoke": 5, "cpu": 10, "paper": 40}


def settings(epochs: int, batch_size: int, rate: float, seed: int) -> Config:
    """Adam with a rate that falls to zero along a cosine, without augmentation and held-out rows."""
    return Config(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adam",
        lr=rate,
        weight_decay=0.0,
        seed=seed,
        validation=0.0,
        augment="none",
        precision="fp32",
    )


def robust(
    source: str,
    model: str,
    rows: int | None,
    tested: int | None,
    epochs: int,
    batch_size: int,
    rate: float,
    steps: int,
    seed: int,
    scratch: Path,
    eps: float | None = None,
    train_steps: int = 0,
    warm: int = 0,
) -> dict[str, Any]:
    """Train a network, on attacked inputs or on plain ones, and attack it at every radius.

    Args:
        source: of images. model: as in `noisewise.train`. rows, tested: how many; None takes all.
        epochs, batch_size, rate: of training. steps: of the attacks on the trained network. seed: of everything random.
        scratch: for checkpoints.
        eps: radius of the attack in training; None trains on inputs as they are. train_steps: its steps.
        warm: epochs over which the radius grows.

    Returns:
        `accuracy`: (radii,) on the attacked test rows; `losses`: (steps + 1,) mean loss along the attack at the radius
        0.3; `excess`: by how much any pixel was moved beyond the radius, at most over radii.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: a loss that is not finite.
    """
    from noisewise.studies.training_phases.attacks import Defence, attack, trained_net

    data = draw(source, rows, tested, None, seed)
    defence = None if eps is None else Defence(eps, train_steps, warm)
    config = settings(epochs, batch_size, rate, seed)
    training, learner = trained_net(data, model, config, defence, folder=scratch)
    found = {radius: attack(training, learner.nets, "test", radius, steps, seed) for radius in RADII}
    return {
        "accuracy": np.array([one.accuracy for one in found.values()]),
        "losses": found[EPS].losses,
        "excess": max(one.largest - radius for radius, one in found.items()),
    }


def as_noise(
    source: str,
    model: str,
    rows: int | None,
    tested: int | None,
    epochs: int,
    batch_size: int,
    rate: float,
    steps: int,
    seed: int,
) -> dict[str, Any]:
    """Train on inputs that were moved against another network, once and for all, and on inputs with random noise.

    The other network has the same form, other first weights and the same training rows. Labels stay right.

    Args:
        source: of images. model: as in `noisewise.train`. rows, tested: how many; None takes all.
        epochs, batch_size, rate: of all trainings. steps: of the attack. seed: of everything random.

    Returns:
        `clean`: accuracy on the test rows after training on inputs as they are; `adversarial` and `random`: (noises,)
        the same by radius after training on inputs that were moved; `fooled`: (noises,) share of the training rows on
        which the other network errs then; `adversarial_length` and `random_length`: (noises,) mean lengths of noise.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: a loss that is not finite.
    """
    from noisewise.studies.training_phases.attacks import as_bytes, attack, lengths, perturbed, random_like, trained_net

    data = draw(source, rows, tested, None, seed)
    inputs = np.asarray(data.inputs[:])
    victim, victims = trained_net(data, model, settings(epochs, batch_size, rate, seed + 1000))

    def learned(moved: np.ndarray) -> float:
        training, learner = trained_net(perturbed(data, moved), model, settings(epochs, batch_size, rate, seed))
        return attack(training, learner.nets, "test", 0.0, 1).accuracy

    found: dict[str, list[float]] = {name: [] for name in _NUMBERS}
    for eps in NOISES:
        attacked = attack(victim, victims.nets, "train", eps, steps, seed)
        moved = as_bytes(attacked.inputs)
        noisy = random_like(inputs, moved, eps, seed)
        long = [float(lengths(inputs, changed).mean()) for changed in (moved, noisy)]
        for name, value in zip(_NUMBERS, (1 - attacked.accuracy, learned(moved), learned(noisy), *long), strict=True):
            found[name].append(value)
    return {"clean": learned(inputs), **{name: np.array(values) for name, values in found.items()}}


_NUMBERS = ("fooled", "adversarial", "random", "adversarial_length", "random_length")


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """A plain and an adversarially trained network by seed; trainings on moved inputs."""
    whole = {"source": source or SOURCES[scale], "model": model or NETS[scale], "steps": STEPS[scale], **SIZES[scale]}
    seeds = range(SEEDS[scale])
    return [
        *(Task.of(robust, **{**whole, **DEFENCE[scale]}, eps=EPS, seed=seed) for seed in seeds),
        *(Task.of(as_noise, **{**whole, "steps": NOISE_STEPS[scale]}, seed=seed) for seed in seeds),
        *(Task.of(robust, **whole, seed=seed) for seed in seeds),
    ]


def curve(results: Results, eps: float | None) -> np.ndarray:
    """(radii,) mean accuracy over seeds of the networks trained at a radius, or plainly."""
    found: np.ndarray = np.mean([item["accuracy"] for item in results.of("robust").where(eps=eps)], axis=0)
    return found


def after(results: Results, arm: str) -> np.ndarray:
    """(noises,) or a number: mean clean accuracy over seeds after training on an arm of `as_noise`."""
    return np.asarray(np.mean([item[arm] for item in results.of("as_noise")], axis=0))


def _rise(item: Result) -> float:
    """The rank correlation of the loss along an attack with the step."""
    return spearman(np.arange(len(item["losses"])), item["losses"])


def claims(results: Results) -> list[Claim]:
    """What adversarial training buys and costs, what the attack does, and what its examples are as noise."""
    plain, trained, at = curve(results, None), curve(results, EPS), RADII.index(EPS)
    nets = list(results.of("robust"))
    lost = after(results, "random") - after(results, "adversarial")
    return [
        Claim(
            "plain-falls",
            "Under attack at 0.3 a plainly trained network is right on at most a tenth of the rows.",
            float(plain[at]),
            "<=",
            0.1,
        ),
        Claim(
            "trained-withstands",
            "An adversarially trained one is right on at least 80 % of them (93 % in the paper).",
            float(trained[at]),
            ">=",
            0.8,
        ),
        Claim(
            "price",
            "On rows that nobody attacked it is right on at most 5 points fewer than the plain one.",
            float(plain[0] - trained[0]),
            "<=",
            0.05,
        ),
        Claim(
            "in-the-box",
            "No attack moves a pixel further than its radius (largest excess).",
            float(max(item["excess"] for item in nets)),
            "<=",
            1e-6,
        ),
        Claim(
            "ascends",
            "The mean loss rises with the steps of the attack (least rank correlation over networks).",
            float(min(map(_rise, nets))),
            ">=",
            0.9,
        ),
        Claim(
            "worse-noise",
            "Training on inputs moved by 0.3 against another network costs at least 2 points more of clean accuracy "
            "than training on inputs with random noise of the same length.",
            float(lost[-1]),
            ">=",
            0.02,
        ),
        Claim(
            "random-is-mild",
            "Training on inputs with random noise of that length costs at most 5 points of clean accuracy.",
            float(after(results, "clean") - after(results, "random")[-1]),
            "<=",
            0.05,
        ),
    ]


def figure(results: Results) -> Figure:
    """Accuracy by radius; loss along the attack; clean accuracy after training on noise of two kinds."""
    drawn, (left, middle, right) = subplots(1, 3)
    kinds = (("plain training", None, COLOURS[0]), ("adversarial training", EPS, COLOURS[1]))
    for name, eps, colour in kinds:
        for item in results.of("robust").where(eps=eps):
            left.plot(RADII, item["accuracy"], "o", color=colour, markerfacecolor="white", markersize=4)
            middle.plot(np.maximum(item["losses"], 1e-3), color=colour)
        left.plot(RADII, curve(results, eps), color=colour, label=name)
    left.axvline(EPS, color=GREY, linestyle=":", linewidth=1)
    left.set(xlabel="radius of the attack", ylabel="accuracy", ylim=(0, 1.32), title="a: test rows under attack")
    left.set_yticks([0, 0.25, 0.5, 0.75, 1])
    left.legend(loc="upper left")
    middle.set(xlabel="step", ylabel="mean loss", yscale="log", title="b: loss along the attack at 0.3")
    _noise(right, results)
    return drawn


def _noise(axes: Axes, results: Results) -> None:
    clean = float(after(results, "clean"))
    for arm, name, colour in (("random", "random noise", COLOURS[2]), ("adversarial", "adversarial", COLOURS[3])):
        for item in results.of("as_noise"):
            axes.plot(NOISES, item[arm], "o", color=colour, markerfacecolor="white", markersize=4)
        axes.plot((0, *NOISES), (clean, *after(results, arm)), color=colour, label=name)
    axes.set(xlabel="radius of the noise on training inputs", ylabel="clean accuracy", title="c: the same as noise")
    axes.legend(loc="lower left")


STUDY = Study(
    Card(
        name="adversarial-training",
        title="Training on adversarial examples buys robustness; as fixed noise they are worse than random noise",
        shows="A plainly trained network and one trained on adversarial examples are attacked at growing radii. Then "
        "such examples, made once against another network and with their right labels, are what a fresh network "
        "learns from, beside random noise of the same length.",
        paper="Madry, Makelov, Schmidt, Tsipras and Vladu, Towards Deep Learning Models Resistant to Adversarial "
        "Attacks, ICLR",
        year=2018,
        figure="Table 1 and Figure 6",
        explanation="A plain network leans on directions in which every pixel says a little: an attack turns all of "
        "them at once. Training on the worst inputs within the box leaves only what the box cannot undo, such as "
        "whether a pixel is above or below one half. As fixed noise an adversarial example carries, with its right "
        "label, the marks of a wrong class; a network that learns from such rows learns that these marks speak for the "
        "label, and errs where they do not lie. Random noise has no such marks, and is averaged away. At cpu the "
        "trained network is right on 58 % of the rows under attack at 0.3 rather than on 93 % as in the paper, "
        "probably because there are 960 steps of adversarial training, a hundredth of the paper's, on 4,000 rows.",
        departures="At smoke and cpu fewer rows, a narrower network, a larger learning rate, fewer epochs, and 5 steps "
        "of attack in training in the place of 40 (3 at smoke), with a radius that grows over the first epochs. "
        "Settings at cpu were chosen from timings and one run of 120 steps on 2,000 rows. Networks are attacked by 20 "
        "steps on 500 test rows (10 on 100 at smoke), from one random start; steps are 2.5 radii by their number. "
        "Adversarial examples as noise are ours; they take 10 steps (5 at smoke)",
        scales={
            "smoke": "digits: a perceptron on 300 rows",
            "cpu": "MNIST, 4,000 rows: two convolutions of 8 and 16 channels, two seeds",
            "paper": "MNIST whole: the paper's network, 100,000 steps, attacks of 40 steps",
        },
        budget={"smoke": 16, "cpu": 420},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
