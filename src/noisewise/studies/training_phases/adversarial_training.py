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
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import draw
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import spearman
from noisewise.training import Config

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EPS = 0.3
RADII = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
NOISES = (0.1, 0.2, 0.3)
OTHER_SEED = 1000  # added to the seed of the network that is attacked for its examples
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
    source: str, scratch: Path, *, eps: float | None = None, train_steps: int = 0, warm: int = 0, **fields: Any
) -> dict[str, Any]:
    """Train a network, on attacked inputs or on plain ones, and attack it at every radius.

    Args:
        source: Of images.
        scratch: For checkpoints.
        eps: Radius of the attack in training; None trains on inputs as they are.
        train_steps: Steps of the attack in training.
        warm: Number of epochs over which the radius grows.
        **fields: Further ones of `Trial`.

    Returns:
        `accuracy`: (radii,) on the attacked test rows; `losses`: (steps + 1,) mean loss along the attack at the radius
        0.3; `excess`: by how much any pixel was moved beyond the radius, at most over radii.

    Raises:
        BadInput: an argument is not legal.
        Diverged: a loss that is not finite.
    """
    from noisewise.studies.training_phases.attacks import Defence, attack, trained_net

    trial = Trial(source, **fields)
    defence = None if eps is None else Defence(eps, train_steps, warm)
    training, learner = trained_net(trial.data(), trial.model, trial.config(), defence, folder=scratch)
    found = {radius: attack(training, learner.nets, "test", radius, trial.steps, trial.seed) for radius in RADII}
    return {
        "accuracy": np.array([one.accuracy for one in found.values()]),
        "losses": found[EPS].losses,
        "excess": max(one.largest - radius for radius, one in found.items()),
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
    seeds = range(scale.seeds)
    return [
        *(Task.of(robust, **{**whole, **scale.defence}, eps=EPS, seed=seed) for seed in seeds),
        *(Task.of(as_noise, **{**whole, "steps": scale.noise_steps}, seed=seed) for seed in seeds),
        *(Task.of(robust, **whole, seed=seed) for seed in seeds),
    ]


def curve(results: Results, eps: float | None) -> np.ndarray:
    """(radii,) mean accuracy over seeds of the networks trained at a radius, or on inputs as they are."""
    found: np.ndarray = np.mean([item["accuracy"] for item in results.of("robust").where(eps=eps)], axis=0)
    return found


def after(results: Results, arm: str) -> np.ndarray:
    """(noises,) or a number: mean clean accuracy over seeds after training on an arm of `as_noise`."""
    return np.asarray(np.mean([item[arm] for item in results.of("as_noise")], axis=0))


def measured(results: Results) -> dict[str, float]:
    """Gain and cost of adversarial training, the attack itself, and its examples as noise."""
    plain, trained, at = curve(results, None), curve(results, EPS), RADII.index(EPS)
    nets = results.of("robust")
    clean, adversarial, random = (after(results, arm) for arm in ("clean", "adversarial", "random"))
    return {
        "plain-falls": plain[at],
        "trained-withstands": trained[at],
        "price": plain[0] - trained[0],
        "in-the-box": nets.numbers("excess").max(),
        "ascends": np.min([spearman(np.arange(len(item["losses"])), item["losses"]) for item in nets]),
        "worse-noise": (random - adversarial)[-1],
        "random-is-mild": clean - random[-1],
    }


def figure(results: Results) -> Figure:
    """Draw accuracy by radius; loss along the attack; clean accuracy after training on noise of two kinds."""
    drawn, (left, middle, right) = subplots(1, 3)
    kinds = (("plain training", None, COLOURS[0]), ("adversarial training", EPS, COLOURS[1]))
    for name, eps, colour in kinds:
        for item in results.of("robust").where(eps=eps):
            middle.plot(np.maximum(item["losses"], 1e-3), color=colour)
        runs = [item["accuracy"] for item in results.of("robust").where(eps=eps)]
        draw_runs(left, RADII, runs, color=colour, label=name)
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
        runs = [(clean, *item[arm]) for item in results.of("as_noise")]
        draw_runs(axes, (0, *NOISES), runs, color=colour, label=name)
    axes.set(xlabel="radius of the noise on training inputs", ylabel="clean accuracy", title="c: the same as noise")
    axes.legend(loc="lower left")


STUDY = Study.load(__file__, runs, measured, figure)
