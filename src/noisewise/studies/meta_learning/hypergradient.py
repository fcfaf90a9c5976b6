"""Learning rate and weight decay that follow their own gradient, against constants from a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.compute import Task
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.fit import following

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS: dict[str, dict[str, Any]] = {
    "smoke": {"source": "digits", "model": "mlp:64", "rows": 400, "tested": 300, "epochs": 10, "batch_size": 32},
    "cpu": {"source": "fashion-mnist", "model": "mlp:256", "rows": 4000, "tested": 2000, "epochs": 15},
    "paper": {"source": "mnist", "model": "mlp:1000x1000", "rows": None, "tested": None, "epochs": 100},
}
RATES = {"smoke": (0.001, 0.1), "cpu": (0.0001, 0.001, 0.01, 0.1, 1.0), "paper": (0.0001, 0.001, 0.01, 0.1, 1.0)}
DECAYS = {"smoke": (0.0001, 0.01), "cpu": (0.0001, 0.001, 0.003, 0.01, 0.03), "paper": (0.0001, 0.001, 0.01, 0.03)}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}
NOISY: dict[str, dict[str, Any]] = {
    "smoke": {"trusted": 60},
    "cpu": {"trusted": 500, "epochs": 30},
    "paper": {"trusted": 1000, "model": "lenet"},
}
RULES = {
    "constant": "ce",
    "multiplicative": "hypergradient:bound=10000",
    "additive": "hypergradient:rule=additive,rate=0.001,bound=10000",
}
NOISE, BASE_RATE = "symmetric:0.4", 0.05
_PLAIN: dict[str, Any] = {"momentum": 0.0, "schedule": "constant"}


def learning(start: float) -> str:
    """The spec that learns the weight decay on trusted rows from this start."""
    return f"hypergradient:learn=weight-decay,decay={start:g}"


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Rates on true labels, from every start, by every rule; decays under noise, learned and fixed."""
    chosen = {name: value for name, value in (("source", source), ("model", model)) if value is not None}
    seeds, settings = range(SEEDS[scale]), {**SETTINGS[scale], **_PLAIN}
    clean: dict[str, Any] = {**settings, "weight_decay": 1e-4, **chosen}
    noisy: dict[str, Any] = {**settings, "corrupt": NOISE, "lr": BASE_RATE, **NOISY[scale], **chosen}
    return [
        *(
            following(redraw=True, method=spec, lr=rate, seed=seed, **clean)
            for spec in RULES.values()
            for rate in RATES[scale]
            for seed in seeds
        ),
        *(
            following(redraw=True, method=learning(decay), weight_decay=0.0, seed=seed, **noisy)
            for decay in DECAYS[scale]
            for seed in seeds
        ),
        *(
            following(redraw=True, method="ce", weight_decay=decay, seed=seed, **noisy)
            for decay in (0.0, *DECAYS[scale])
            for seed in seeds
        ),
    ]


def by_rate(results: Results, rule: str, name: str) -> np.ndarray:
    """(rates,) the mean over seeds of a result on true labels, by the learning rate at the start."""
    found = results.where(method=RULES[rule], corrupt=None)
    return np.array([found.where(lr=rate).mean(name) for rate in RATES[results.scale]])


def by_decay(results: Results, learned: bool) -> np.ndarray:
    """(decays,) mean test accuracy under noise by the decay, learned from there or fixed there."""
    found = results.where(corrupt=NOISE)
    if learned:
        each = [found.where(method=learning(decay)) for decay in DECAYS[results.scale]]
    else:
        each = [found.where(method="ce", weight_decay=decay) for decay in DECAYS[results.scale]]
    return np.array([one.mean("test_accuracy") for one in each])


def reached(results: Results, rule: str) -> np.ndarray:
    """(rates,) the geometric mean over seeds of the last learning rate, by the one at the start."""
    found = results.where(method=RULES[rule], corrupt=None)
    last = [[item["history"]["lr"].iloc[-1] for item in found.where(lr=rate)] for rate in RATES[results.scale]]
    return np.exp(np.log(np.array(last, dtype=float)).mean(axis=1))


def ended(results: Results) -> np.ndarray:
    """(starts,) the geometric mean over seeds of the last learned decay, by the one at the start."""
    found = results.where(corrupt=NOISE)
    last = [
        [item["history"]["decay"].iloc[-1] for item in found.where(method=learning(start))]
        for start in DECAYS[results.scale]
    ]
    return np.exp(np.log(np.array(last, dtype=float)).mean(axis=1))


def spread(values: np.ndarray) -> float:
    """The largest of positive values over the smallest."""
    return float(values.max() / values.min())


def claims(results: Results) -> list[Claim]:
    """What learning them saves and what it reaches."""
    constant, learned = (by_rate(results, rule, "train_loss") for rule in ("constant", "multiplicative"))
    accuracy, tuned = by_rate(results, "multiplicative", "test_accuracy"), by_rate(results, "constant", "test_accuracy")
    small = int(np.argmin(np.array(RATES[results.scale])))
    fixed, followed = by_decay(results, False), by_decay(results, True)
    plain = results.where(corrupt=NOISE, weight_decay=0.0, method="ce")
    starts = np.array(DECAYS[results.scale])
    additive = by_rate(results, "additive", "train_loss")
    return [
        Claim(
            "small-start",
            "From the smallest learning rate the training loss ends at most half as high as with that rate held "
            "constant (ratio).",
            float(learned[small] / constant[small]),
            "<=",
            0.5,
        ),
        Claim(
            "additive",
            "So it does with the additive rule of the paper (ratio).",
            float(additive[small] / constant[small]),
            "<=",
            0.5,
        ),
        Claim(
            "never-worse",
            "From no start does it end more than a tenth higher (largest ratio to the constant rate).",
            float(np.max(learned / constant)),
            "<=",
            1.1,
        ),
        Claim(
            "less-to-tune",
            "The starts differ less in test accuracy: the range over them is at most a third of that of constant "
            "rates (ratio).",
            float(np.ptp(accuracy) / max(np.ptp(tuned), 1e-9)),
            "<=",
            1 / 3,
        ),
        Claim(
            "rates-meet",
            "Learned rates end closer together than they began: their spread falls to at most a tenth of that of the "
            "starts (ratio).",
            spread(reached(results, "multiplicative")) / spread(np.array(RATES[results.scale])),
            "<=",
            0.1,
        ),
        Claim(
            "as-good-as-tuned",
            "From the median start the test accuracy is at most 1 point below the best constant rate.",
            float(np.median(accuracy) - tuned.max()),
            ">=",
            -0.01,
        ),
        Claim(
            "decay-helps",
            "Under 40 % noise a decay learned on trusted rows is at least 2 points more accurate than none (mean over "
            "starts).",
            float(followed.mean() - plain.mean("test_accuracy")),
            ">=",
            0.02,
        ),
        Claim(
            "decay-tuned",
            "From its best start it is at most 1 point below the best fixed decay.",
            float(followed.max() - fixed.max()),
            ">=",
            -0.01,
        ),
        Claim(
            "decays-meet",
            "Learned decays end closer together than they began: their spread falls to at most a third (ratio).",
            spread(ended(results)) / spread(starts),
            "<=",
            1 / 3,
        ),
        Claim(
            "unsure",
            "Without decay the network is less sure of the trusted rows than it is right about them (mean confidence "
            "less accuracy), so that larger weights would lower their loss.",
            plain.mean("trusted_confidence") - plain.mean("trusted_accuracy"),
            "<",
            0.0,
        ),
    ]


def figure(results: Results) -> Figure:
    """Training loss and accuracy by the starting rate, paths of the rate, accuracy by decay, and paths of the decay."""
    drawn, ((loss, path), (decay, fall)) = subplots(2, 2)
    rates = RATES[results.scale]
    for rule, colour in zip(RULES, (GREY, *COLOURS), strict=False):
        loss.loglog(rates, by_rate(results, rule, "train_loss"), "o-", color=colour, label=rule)
    loss.set(xlabel="learning rate at the start", ylabel="training loss", title="True labels, after training")
    loss.legend(loc="upper center")
    _draw_paths(path, results, "multiplicative")
    found = DECAYS[results.scale]
    decay.semilogx(found, 100 * by_decay(results, False), "o-", color=GREY, label="fixed")
    decay.semilogx(found, 100 * by_decay(results, True), "o-", color=COLOURS[0], label="learned from there")
    decay.set(xlabel="weight decay", ylabel="test accuracy (%)", title="40 % noise")
    decay.legend(loc="best")
    for start, colour in zip(found, COLOURS, strict=False):
        item = results.where(corrupt=NOISE, method=learning(start), seed=0).items[0]
        _draw_path(fall, start, item["history"]["decay"].to_numpy(), colour)
    fall.set(xlabel="epoch", ylabel="weight decay", title="Decay, learned on trusted rows")
    return drawn


def _draw_paths(axes: Axes, results: Results, rule: str) -> None:
    for rate, colour in zip(RATES[results.scale], COLOURS, strict=False):
        item = results.where(method=RULES[rule], corrupt=None, lr=rate, seed=0).items[0]
        _draw_path(axes, rate, item["history"]["lr"].to_numpy(), colour)
    axes.set(xlabel="epoch", ylabel="learning rate", title=f"Rate on true labels, {rule} rule")


def _draw_path(axes: Axes, start: float, found: np.ndarray, colour: str) -> None:
    axes.semilogy(range(len(found) + 1), [start, *found], color=colour)
    axes.locator_params(axis="x", integer=True)


STUDY = Study(
    Card(
        name="hypergradient",
        title="A learning rate that follows its own gradient need hardly be tuned; a weight decay still must",
        shows="Learning rates from far too small to too large are held constant, or follow the agreement of successive "
        "steps. Under noise a weight decay follows the loss on trusted rows, against fixed ones.",
        paper="Baydin, Cornish, Martinez Rubio, Schmidt and Wood, Online Learning Rate Adaptation with Hypergradient "
        "Descent, ICLR",
        year=2018,
        figure="the losses of SGD and SGD-HD on MNIST, and the grid of starting rates",
        explanation="Steps that point the same way say that one longer step would have done, and steps that undo each "
        "other that it was too long. The rate follows at a steady pace per step, so that a start far too small is "
        "forgotten after some hundred steps. From the best constant rate the training loss ends 28 % higher than with "
        "that rate held, and not within a tenth, since the rate falls there to a sixth, probably as the noise of "
        "batches makes steps disagree. With the weight decay the same look one step ahead is short-sighted. A network "
        "that learns from wrong labels learns how often they are wrong, and is then less sure of trusted rows than it "
        "is right about them. Larger weights would make it surer and lower their loss at once, so the learned decay "
        "falls, where a larger one held fixed pays off only over the whole training: learned decays gain 1.2 points "
        "over none rather than 2, stay 2.7 below the best fixed one, and end 2.4 times as close together as they began "
        "rather than 3 times.",
        departures="At cpu Fashion-MNIST, 4,000 rows, one layer of 256 units and 15 epochs rather than MNIST whole, "
        "two layers of 1,000 units and 100 epochs; 2,000 test rows. Steps are plain, without momentum, at a "
        "constant rate, and the multiplier may move by a factor of 10,000 either way rather than 10. The "
        "multiplicative rule is the package's default; the additive one, with its rate of 0.001, is "
        "algorithm 4. Weight decay, label noise and trusted rows are ours. The claim on confidence was added "
        "after a pilot run in which learned decays fell.",
        scales={
            "smoke": "digits: 400 rows, a perceptron, two starts, one seed",
            "cpu": "Fashion-MNIST: 4,000 rows, a perceptron, five rates and five decays, two seeds",
            "paper": "MNIST whole, a perceptron of two layers of 1,000 units, 100 epochs; LeNet for the decays",
        },
        budget={"smoke": 28, "cpu": 210},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
