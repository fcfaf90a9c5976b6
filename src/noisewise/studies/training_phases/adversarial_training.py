"""Networks that withstand adversarial examples because they were trained on them; and such examples as noise."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import difference, exact, mean, spearman
from noisewise.training import Config

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from noisewise.studies.training_phases.attacks import Attacked

EPS = 0.3
RADII = (0.0, 0.1, 0.2, 0.3, 0.4)
NOISES = (0.1, 0.2, 0.3)
OTHER_SEED = 1000  # added to the seed of the network that is attacked for its examples
OTHER_ATTACKS = ("fgsm", "cw", "targeted")  # at the radius EPS; see `attacks.ATTACKS`
SHOWN = 6  # test rows whose pictures are kept
_NUMBERS = ("fooled", "adversarial", "random", "adversarial_length", "random_length")


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


@dataclass(frozen=True)
class Trial:
    """The rows, the network and its training, and the attack on it.

    Attributes:
        source: Of images.
        model: As in `noisewise.train`.
        rows: How many rows to train on; None takes all.
        tested: How many rows to test on; None takes all.
        epochs: Number of epochs of every training.
        batch_size: Rows per step.
        rate: The first learning rate.
        steps: Steps of the attack on the trained network.
        seed: Random seed.
    """

    source: str
    model: str
    rows: int | None
    tested: int | None
    epochs: int
    batch_size: int
    rate: float
    steps: int
    seed: int

    def data(self) -> Dataset:
        """The rows."""
        return draw(self.source, self.rows, self.tested, None, self.seed)

    def config(self, shift: int = 0) -> Config:
        """The settings of a training, with the seed plus `shift`."""
        return settings(self.epochs, self.batch_size, self.rate, self.seed + shift)


def robust(
    source: str,
    scratch: Path,
    *,
    euclidean: list[float],
    eps: float | None = None,
    train_steps: int = 0,
    warm: int = 0,
    **fields: Any,
) -> dict[str, Any]:
    """Train a network, on attacked inputs or on plain ones, and attack it at every radius and in other ways.

    Args:
        source: Of images.
        scratch: For checkpoints.
        euclidean: The radii of the attacks in the Euclidean norm.
        eps: Radius of the attack in training; None trains on inputs as they are.
        train_steps: Steps of the attack in training.
        warm: Number of epochs over which the radius grows.
        **fields: Further ones of `Trial`.

    Returns:
        `accuracy`: (radii,) on the attacked test rows; `euclidean_accuracy`: the same at the radii `euclidean`;
        `fgsm`, `cw`, `targeted`: the same at the radius 0.3 under these attacks; `losses`: (steps + 1,) mean loss along
        the attack at the radius 0.3; `excess`: by how much any input was moved beyond the radius, at most over attacks;
        `pictures`: (3, rows, H, W, C) some test rows, and what attacks at 0.3 and at the middle Euclidean radius make
        of them.

    Raises:
        BadInput: an argument is not legal.
        Diverged: a loss that is not finite.
    """
    from noisewise.studies.training_phases.attacks import Defence, attack, trained_net

    trial = Trial(source, **fields)
    defence = None if eps is None else Defence(eps, train_steps, warm)
    training, learner = trained_net(trial.data(), trial.model, trial.config(), defence, folder=scratch)

    def under(kind: str, radius: float) -> Attacked:
        found = attack(training, learner.nets, "test", radius, trial.steps, trial.seed, kind)
        excess.append(found.largest - radius)
        return found

    excess: list[float] = []
    boxes = {radius: under("pgd", radius) for radius in RADII}
    balls = {radius: under("l2", radius) for radius in euclidean}
    others = {kind: under(kind, EPS).accuracy for kind in OTHER_ATTACKS}
    shown = (boxes[0.0], boxes[EPS], balls[euclidean[len(euclidean) // 2]])
    return {
        "accuracy": np.array([one.accuracy for one in boxes.values()]),
        "euclidean_accuracy": np.array([one.accuracy for one in balls.values()]),
        **others,
        "losses": boxes[EPS].losses,
        "excess": max(excess),
        "pictures": np.array([one.inputs[:SHOWN] for one in shown], dtype=np.float32),
    }


def as_noise(source: str, scratch: Path | None = None, **fields: Any) -> dict[str, Any]:
    """Train on inputs that were moved against another network, once and for all, and on inputs with random noise.

    The other network has the same form, other first weights and the same training rows. Labels stay right.

    Args:
        source: Of images.
        scratch: For checkpoints; None keeps none.
        **fields: Further ones of `Trial`.

    Returns:
        `clean`: accuracy on the test rows after training on inputs as they are; `adversarial` and `random`: (noises,)
        the same by radius after training on inputs that were moved; `fooled`: (noises,) share of the training rows on
        which the other network errs then; `adversarial_length` and `random_length`: (noises,) mean lengths of noise.

    Raises:
        BadInput: an argument is not legal.
        Diverged: a loss that is not finite.
    """
    from noisewise.studies.training_phases.attacks import as_bytes, attack, lengths, perturbed, random_like, trained_net

    trial = Trial(source, **fields)
    data = trial.data()
    inputs = np.asarray(data.inputs[:])
    folders = (scratch and scratch / str(number) for number in itertools.count())
    victim, victims = trained_net(data, trial.model, trial.config(OTHER_SEED), folder=next(folders))

    def learned(moved: np.ndarray) -> float:
        training, learner = trained_net(perturbed(data, moved), trial.model, trial.config(), folder=next(folders))
        return attack(training, learner.nets, "test", 0.0, 1).accuracy

    found: dict[str, list[float]] = {name: [] for name in _NUMBERS}
    for eps in NOISES:
        attacked = attack(victim, victims.nets, "train", eps, trial.steps, trial.seed)
        moved = as_bytes(attacked.inputs)
        noisy = random_like(inputs, moved, eps, trial.seed)
        long = [float(lengths(inputs, changed).mean()) for changed in (moved, noisy)]
        for name, value in zip(_NUMBERS, (1 - attacked.accuracy, learned(moved), learned(noisy), *long), strict=True):
            found[name].append(value)
    return {"clean": learned(inputs), **{name: np.array(values) for name, values in found.items()}}


def runs(scale: Scale) -> list[Task]:
    """A plain and an adversarially trained network by seed; trainings on moved inputs."""
    whole = {"source": scale.source, "model": scale.model, "steps": scale.steps, **scale.sizes}
    seeds, radii = range(scale.seeds), {"euclidean": scale.euclidean}
    return [
        *(Task.of(robust, version=2, **{**whole, **scale.defence}, **radii, eps=EPS, seed=seed) for seed in seeds),
        *(Task.of(as_noise, version=2, **{**whole, **scale.noise}, seed=seed) for seed in seeds),
        *(Task.of(robust, version=2, **whole, **radii, seed=seed) for seed in seeds),
    ]


def curves(results: Results, eps: float | None, name: str = "accuracy") -> np.ndarray:
    """(seeds, ...) an array or a number of the networks trained at a radius, or on inputs as they are."""
    return np.array([item[name] for item in results.of("robust").where(eps=eps)])


def after(results: Results, arm: str) -> np.ndarray:
    """(seeds, noises) or (seeds,) clean accuracy after training on an arm of `as_noise`."""
    return np.array([item[arm] for item in results.of("as_noise")])


def measured(results: Results) -> dict[str, Estimate]:
    """Gain and cost of adversarial training, the attacks themselves, and their examples as noise."""
    plain, trained, at = curves(results, None), curves(results, EPS), RADII.index(EPS)
    nets = results.of("robust")
    clean, adversarial, random = (after(results, arm) for arm in ("clean", "adversarial", "random"))
    balls = [curves(results, eps, "euclidean_accuracy") for eps in (EPS, None)]
    middle = balls[0].shape[1] // 2
    others = {kind: [curves(results, eps, kind) for eps in (EPS, None)] for kind in OTHER_ATTACKS}
    return {
        "plain-falls": mean(plain[:, at]),
        "trained-withstands": mean(trained[:, at]),
        "price": difference(plain[:, 0], trained[:, 0]),
        "fgsm-is-weaker": difference(curves(results, EPS, "fgsm"), trained[:, at]),
        **{f"against-{kind}": difference(*pair) for kind, pair in others.items()},
        "against-l2": difference(*(found[:, middle] for found in balls)),
        "in-the-box": exact(nets.numbers("excess").max()),
        "ascends": mean([spearman(np.arange(len(item["losses"])), item["losses"]) for item in nets]),
        "worse-noise": difference(random[:, -1], adversarial[:, -1]),
        "random-is-mild": difference(clean, random[:, -1]),
    }


KINDS = (("plain training", None, COLOURS[0]), ("adversarial training", EPS, COLOURS[1]))


def figure(results: Results) -> Figure:
    """Draw accuracy by radius in two norms and by attack; the attack's loss; pictures; such examples as noise."""
    drawn, ((first, second, third), (fourth, fifth, sixth)) = subplots(2, 3)
    balls = results.scale.euclidean
    for name, eps, colour in KINDS:
        boxes = curves(results, eps)
        draw_runs(first, RADII, boxes, "o-", color=colour, label=name)
        euclidean = np.column_stack([boxes[:, 0], curves(results, eps, "euclidean_accuracy")])
        draw_runs(second, (0, *balls), euclidean, "o-", color=colour, label=name)
        losses = np.maximum(curves(results, eps, "losses"), 1e-3)
        draw_runs(fourth, np.arange(losses.shape[1]), losses, color=colour, label=name)
    first.axvline(EPS, color=GREY, linestyle=":", linewidth=1, label="radius in training")
    for axes, letter, norm in ((first, "a", "largest change of a pixel"), (second, "b", "Euclidean length")):
        axes.set(
            xlabel=f"radius ({norm})", ylabel="accuracy", ylim=(0, 1.42), title=f"{letter}: test rows under attack"
        )
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.legend(loc="upper left")
    _by_attack(third, results)
    fourth.set(xlabel="step", ylabel="mean loss", yscale="log", title=f"d: loss along the attack at {EPS}")
    fourth.legend(loc="center right")
    _noise(fifth, results)
    _pictures(sixth, results)
    return drawn


def _by_attack(axes: Axes, results: Results) -> None:
    """Accuracy under every attack, both trainings."""
    balls = results.scale.euclidean
    middle = len(balls) // 2
    names = ["none", "FGSM", "PGD", "CW", "targeted", f"L2, {balls[middle]:g}"]
    for k, (label, eps, colour) in enumerate(KINDS):
        boxes = curves(results, eps)
        found = [
            boxes[:, 0],
            curves(results, eps, "fgsm"),
            boxes[:, RADII.index(EPS)],
            *(curves(results, eps, kind) for kind in ("cw", "targeted")),
            curves(results, eps, "euclidean_accuracy")[:, middle],
        ]
        axes.bar(np.arange(len(names)) + 0.4 * k - 0.2, np.mean(found, axis=1), 0.38, color=colour, label=label)
    axes.set_xticks(range(len(names)), names, rotation=20)
    axes.set(ylabel="accuracy", ylim=(0, 1.42), title=f"c: by attack, radius {EPS}")
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(loc="upper left")


def _noise(axes: Axes, results: Results) -> None:
    clean = after(results, "clean")[:, None]
    for arm, name, colour in (("random", "random noise", COLOURS[2]), ("adversarial", "adversarial", COLOURS[3])):
        draw_runs(axes, (0, *NOISES), np.hstack([clean, after(results, arm)]), "o-", color=colour, label=name)
    axes.set(xlabel="radius of the noise on training inputs", ylabel="clean accuracy", title="e: the same as noise")
    axes.legend(loc="lower left")


def _pictures(axes: Axes, results: Results) -> None:
    """Some test rows as they are, and after attacks on a network of either training: the first seed's."""
    plain, trained = (curves(results, eps, "pictures")[0] for eps in (None, EPS))
    lines = [plain[0], plain[1], trained[1], plain[2], trained[2]]
    length = results.scale.euclidean[len(results.scale.euclidean) // 2]
    names = ["no attack", f"plain, {EPS}", f"trained, {EPS}", f"plain, L2 {length:g}", f"trained, L2 {length:g}"]
    gap = 1
    padded = np.pad(np.array(lines), ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=1)
    count, wide, height, width, channels = padded.shape
    tiled = padded.transpose(0, 2, 1, 3, 4).reshape(count * height, wide * width, channels)
    axes.imshow(
        np.clip(tiled if channels == 3 else tiled.mean(axis=2), 0, 1), cmap="gray", vmin=0, vmax=1, aspect="auto"
    )
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks((np.arange(count) + 0.5) * height, names)
    axes.set(ylabel="network and attack", title="f: what the attacks make of test rows")


STUDY = Study.load(__file__, runs, measured, figure)
