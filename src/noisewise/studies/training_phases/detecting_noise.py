"""Wrong labels show while they are not yet fitted: detectors by epoch, early against late, averaged against last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.predictions.incv import agrees
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.crossfit import CrossFit, cross_fit
from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.noise import corrupt
from noisewise.studies.frame.former import Card, Claim, Study
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.data import sample
from noisewise.training import Method, Training
from noisewise.training.config import Config, configured
from noisewise.training.observer import Observer, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOURCES = {"smoke": "digits", "cpu": "fashion-mnist", "paper": "cifar10"}
SIZES: dict[str, dict[str, Any]] = {
    "smoke": {"points": 300, "model": "mlp:128", "epochs": 40, "batch": 16, "rate": 0.05},
    "cpu": {"points": 3000, "model": "mlp:512", "epochs": 60, "batch": 64, "rate": 0.02},
    "paper": {"points": 50_000, "model": "resnet32", "epochs": 200, "batch": 128, "rate": 0.1},
}
EARLY = {"smoke": 5, "cpu": 5, "paper": 20}
SEEDS = {"smoke": 1, "cpu": 2, "paper": 3}
SYMMETRIC = {0.2: 0.9, 0.4: 0.85}
PAIR = "pair:0.4"
LAST, MEAN = "last loss", "mean loss"
BY_PACKAGE = ("aum", "forgetting", "loss-mixture")
SCORES = (LAST, MEAN, *BY_PACKAGE)
FOLDS = 2


def watched(
    source: str, noise: str, points: int, model: str, epochs: int, batch: int, rate: float, seed: int
) -> dict[str, Any]:
    """One training, and after every epoch how well each score tells wrong labels.

    `auroc` (scores, epochs) is in the order of `SCORES`; `train_accuracy`, `clean_fit` and `noisy_fit` (epochs,) are
    the shares of all, the right and the wrong labels that the network predicted when it last saw their rows.

    Args:
        source: of the rows. noise: a corruption. points: how many rows.
        model, epochs, batch, rate: of the training by SGD with momentum 0.9 and a rate that falls as a cosine.
        seed: of rows, noise and training.
    """
    data, wrong = _corrupted(source, noise, points, seed)
    observer = _Scores(data, wrong)
    training = Training(data, model, _config(epochs, batch, rate, seed), observers=[observer])
    training.fit(training.learner(), Method(), epochs)
    table = np.array(observer.rows).T
    names = ("train_accuracy", "clean_fit", "noisy_fit")
    return {"auroc": table[: len(SCORES)], **dict(zip(names, table[len(SCORES) :], strict=True)), "wrong": wrong.mean()}


class _Scores(Observer):
    """After every epoch the AUROC of each score, and the shares of all, right and wrong labels predicted."""

    def __init__(self, data: Dataset, wrong: np.ndarray) -> None:
        self.data, self.wrong = data, wrong
        self.rows: list[list[float]] = []

    def after_epoch(self, training: Training, method: Method) -> Row:
        from sklearn.metrics import roc_auc_score

        data, wrong = self.data, self.wrong
        statistics = {name: values[data.index] for name, values in training.ledger.statistics().items()}
        fits = training.ledger.was_right.cpu().numpy()[data.index]
        found = scores(Evidence(data.given, len(data.classes), ledger=statistics))
        areas = [float(roc_auc_score(wrong, found[name])) for name in SCORES]
        self.rows.append([*areas, float(fits.mean()), float(fits[~wrong].mean()), float(fits[wrong].mean())])
        return {}


def scores(evidence: Evidence) -> dict[str, np.ndarray]:
    """(n,) per name of `SCORES`, higher is more suspect: two losses, and the package's detectors of a training."""
    losses = {LAST: evidence.statistic("loss_last"), MEAN: evidence.statistic("loss_mean")}
    return losses | {name: DETECTORS[name](evidence) for name in BY_PACKAGE}


def halves(
    source: str, noise: str, points: int, model: str, epochs: int, batch: int, rate: float, seed: int
) -> dict[str, Any]:
    """What INCV selects, one network per half, against what `memorised` predicts from the share of wrong labels.

    `kept`, `precision` and `recall` (2,) are the share of the rows selected, the share of right labels among them and
    the share of the right labels that are among them: as predicted and as found. Arguments as `watched`.
    """
    from sklearn.metrics import roc_auc_score

    data, wrong = _corrupted(source, noise, points, seed)
    evidence = cross_fit(data, CrossFit(model, config=_config(epochs, batch, rate, seed), folds=FOLDS))
    assert evidence.probabilities is not None
    kept, share = agrees(evidence.probabilities, data.given), float(wrong.mean())
    found = (kept.mean(), (~wrong)[kept].mean(), kept[~wrong].mean())
    predicted = memorised(share, 1 if noise.startswith("pair") else len(data.classes) - 1)
    pairs = zip(("kept", "precision", "recall"), predicted, found, strict=True)
    own = {"incv": float(roc_auc_score(wrong, DETECTORS["incv"](evidence)))}
    return {"wrong": share, **own, **{name: np.array([theory, real], dtype=float) for name, theory, real in pairs}}


def memorised(share: float, others: int) -> tuple[float, float, float]:
    """What a network that has learnt its labels as they are selects of the other half (Chen et al., ICML 2019).

    Its predictions are then distributed as the given labels, and independent of those of the other half:

        kept = (1 - e)^2 + e^2 / m,   precision = (1 - e)^2 / kept,   recall = 1 - e

    Args:
        share: e, of wrong labels. others: m, how many classes a class is taken for, with equal chances.
    """
    kept = (1 - share) ** 2 + share**2 / others
    return kept, (1 - share) ** 2 / kept, 1 - share


def _corrupted(source: str, noise: str, points: int, seed: int) -> tuple[Dataset, np.ndarray]:
    """Rows with given labels, of which the truth is not known, and (n,) which of them are wrong.

    Raises:
        BadInput: a source of texts, or whatever cannot be read or corrupted.
    """
    rows = sample(source, points, 1, seed)
    if rows.kind == "text":
        raise BadInput(f"source={source!r} holds texts, but this study needs rows of numbers")
    given = corrupt(rows.dataset(rows.y, source), noise, seed).given
    return rows.dataset(given, source), given != rows.y


def _config(epochs: int, batch: int, rate: float, seed: int) -> Config:
    settings = {"lr": rate, "batch_size": batch, "weight_decay": 0.0, "augment": "none", "validation": 0.0}
    return configured(epochs, seed, settings)


def runs(scale: str, source: str | None, model: str | None) -> list[Task]:
    """Halves first: they take longest."""
    sizes = SIZES[scale] | ({} if model is None else {"model": model})
    return [
        Task.of(function, source=source or SOURCES[scale], noise=noise, seed=seed, **sizes)
        for function in (halves, watched)
        for noise in (*map(_symmetric, SYMMETRIC), PAIR)
        for seed in range(SEEDS[scale])
    ]


def _symmetric(share: float) -> str:
    return f"symmetric:{share}"


def _auroc(results: Results, noise: str, name: str) -> np.ndarray:
    """(epochs,) the mean over seeds."""
    some = results.of("watched").where(noise=noise)
    return np.asarray(np.mean([item["auroc"][SCORES.index(name)] for item in some], axis=0))


def claims(results: Results) -> list[Claim]:
    """Early, all scores tell wrong labels; late, the last loss does not, its mean does; INCV selects as predicted."""
    early = EARLY[results.scale] - 1
    noises = [_symmetric(share) for share in SYMMETRIC]
    nets = Results(results.scale, tuple(x for x in results.of("watched") if x.task.arguments["noise"] in noises))
    last, mean = (np.array([item["auroc"][SCORES.index(name), -1] for item in nets]) for name in (LAST, MEAN))
    return [
        Claim(
            "memorised",
            "At the end the networks predict 99 % of the given labels, wrong ones included (least over runs).",
            float(min(item["train_accuracy"][-1] for item in nets)),
            ">=",
            0.99,
        ),
        *(_early(results, share, early) for share in SYMMETRIC),
        *(_fallen(results, share, early) for share in SYMMETRIC),
        Claim(
            "mean-not-worse",
            "At the end the mean of the losses over epochs tells wrong labels no worse than the last loss (least "
            "difference of AUROCs over runs).",
            float((mean - last).min()),
            ">=",
            0.0,
        ),
        *_about_halves(results, noises, "symmetric"),
        *_about_halves(results, [PAIR], "pair"),
    ]


def _early(results: Results, share: float, early: int) -> Claim:
    found = min(float(_auroc(results, _symmetric(share), name)[early]) for name in SCORES)
    return Claim(
        f"early-{round(100 * share)}",
        f"After {early + 1} epochs every score tells wrong labels among {share:.0%} of symmetric noise (least AUROC).",
        found,
        ">=",
        SYMMETRIC[share],
    )


def _fallen(results: Results, share: float, early: int) -> Claim:
    found = _auroc(results, _symmetric(share), LAST)
    return Claim(
        f"late-{round(100 * share)}",
        f"By the end the AUROC of the last loss has fallen by 0.1 from what it was after {early + 1} epochs "
        f"({share:.0%}).",
        float(found[early] - found[-1]),
        ">=",
        0.1,
    )


def _about_halves(results: Results, noises: list[str], kind: str) -> list[Claim]:
    some = [item for item in results.of("halves") if item.task.arguments["noise"] in noises]
    return [
        Claim(
            f"incv-{name}-{kind}",
            f"The label {name} of what INCV selects under {kind} noise is as predicted from the share of wrong labels, "
            f"up to {limit} (largest difference).",
            float(max(abs(float(np.diff(item[name])[0])) for item in some)),
            "<=",
            limit,
        )
        for name, limit in (("precision", 0.05), ("recall", 0.1))
    ]


def figure(results: Results) -> Figure:
    """AUROC by epoch at three kinds of noise, what is fitted when, early against late, and INCV by its theory."""
    drawn, ((fewer, more, pairs), (fits, bars, incv)) = subplots(2, 3)
    noises = [_symmetric(share) for share in SYMMETRIC]
    titles = [f"{share:.0%} symmetric noise" for share in SYMMETRIC]
    for axes, noise, title in zip((fewer, more, pairs), (*noises, PAIR), (*titles, "40 % pair noise"), strict=True):
        for name, colour in zip(SCORES, COLOURS, strict=False):
            values = _auroc(results, noise, name)
            style = "--" if name == "loss-mixture" else "-"
            axes.plot(range(1, len(values) + 1), values, style, color=colour, label=name)
        axes.axvline(EARLY[results.scale], linestyle=":", color=GREY, linewidth=1)
        axes.set(xlabel="epoch", ylabel="AUROC", title=title, ylim=(0.4, 1.02))
    fewer.legend(loc="lower right", ncols=2, fontsize=8)
    _draw_fits(fits, results.of("watched").where(noise=noises[-1]))
    _draw_bars(bars, results, noises[-1])
    _draw_halves(incv, results.of("halves"))
    return drawn


def _draw_fits(axes: Axes, nets: Results) -> None:
    for name, label, colour in (("clean_fit", "right labels", COLOURS[2]), ("noisy_fit", "wrong labels", COLOURS[1])):
        values = 100 * np.mean([item[name] for item in nets], axis=0)
        axes.plot(range(1, len(values) + 1), values, color=colour, label=label)
    axes.set(xlabel="epoch", ylabel="predicted as given (%)", ylim=(-3, 103), title="40 %: what is fitted when")
    axes.legend(loc="lower right")


def _draw_bars(axes: Axes, results: Results, noise: str) -> None:
    places, early = np.arange(len(SCORES)), EARLY[results.scale] - 1
    for offset, at, colour, label in ((-0.2, early, COLOURS[0], f"epoch {early + 1}"), (0.2, -1, COLOURS[4], "last")):
        found = [_auroc(results, noise, name)[at] for name in SCORES]
        axes.barh(places + offset, found, 0.36, color=colour, label=label)
    own = float(np.mean([item["incv"] for item in results.of("halves").where(noise=noise)]))
    axes.barh(len(SCORES), own, 0.5, color=GREY, label="other half")
    axes.set_yticks([*places, len(SCORES)], [*SCORES, "incv"])
    axes.set(xlabel="AUROC", xlim=(0.4, 1.02), ylim=(len(SCORES) + 0.5, -1.3), title="40 %: early and late")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", ncols=3, fontsize=8, columnspacing=1)


def _draw_halves(axes: Axes, some: Results) -> None:
    marks = {"kept": "s", "precision": "o", "recall": "^"}
    for noise, colour in zip(some.choices("noise"), COLOURS, strict=False):
        for name, mark in marks.items():
            found = np.array([item[name] for item in some.where(noise=noise)])
            axes.plot(found[:, 0], found[:, 1], mark, color=colour, ms=6, alpha=0.8)
        axes.plot([], [], "s", color=colour, label=noise.replace(":", " "))
    for name, mark in marks.items():
        axes.plot([], [], mark, color=GREY, label=name)
    axes.axline((0.5, 0.5), slope=1, linestyle="--", color=GREY, linewidth=1)
    axes.set(xlabel="predicted from the noise rate", ylabel="found", xlim=(0.3, 1.03), ylim=(0.3, 1.03))
    axes.set_title("INCV: selected from the other half")
    axes.legend(loc="lower right", fontsize=8, ncols=2, columnspacing=1)


STUDY = Study(
    Card(
        name="detecting-noise",
        title="Wrong labels show early in training, and late best in what was averaged over it",
        shows="A network is trained until it has memorised its wrong labels, and after every epoch five scores are "
        "asked for them. INCV selects the rows on which the network of the other half agrees; how many of them are "
        "right is predicted from the noise rate.",
        paper="Pleiss, Zhang, Elenberg and Weinberger, Identifying Mislabeled Data using the Area Under the Margin "
        "Ranking, NeurIPS; Toneva et al., An Empirical Study of Example Forgetting, ICLR 2019; Chen, Liao, Chen and "
        "Zhang, Understanding and Utilizing Deep Neural Networks Trained with Noisy Labels, ICML 2019",
        year=2020,
        figure="AUM section 4.1; Toneva et al. section 4; Chen et al. figure 2",
        explanation="A network fits what many rows have in common before it fits single rows. After a few epochs it "
        "predicts most right labels and hardly a wrong one, so any score of the loss tells them apart. By the end it "
        "predicts them all, and the last loss says much less. The mean over epochs remembers when a label was learnt, "
        "and loses least; the loss mixture is made from it and orders nearly alike. The area under the margin sums "
        "logits, which grow: late epochs weigh most in it. Forgetting stops to count when everything is learnt, and "
        "under symmetric noise falls even sooner. Pair noise is harder, as all wrong labels of a class agree with each "
        "other. A network that has memorised half of the labels predicts the other half as if it drew from the noise "
        "itself; so the share of right labels among the rows on which both agree follows from the noise rate.",
        departures="Networks of one hidden layer on 3,000 images rather than ResNets on CIFAR-10. The area under the "
        "margin is taken without the paper's threshold class, the mixture is of Gaussians on mean losses, and of INCV "
        "there is the first iteration, with predictions averaged over the last fifth of the epochs. The fifth epoch "
        "counts as early. Learning rate and batches were chosen after pilot runs: at a rate of 0.05 and batches of "
        "32 the networks memorised but a third of the wrong labels in 80 epochs. Pair noise is shown, and claimed "
        "for INCV alone.",
        scales={
            "smoke": "300 digits, 40 epochs, one seed",
            "cpu": "3,000 images of Fashion-MNIST, 60 epochs, two seeds",
            "paper": "CIFAR-10, a ResNet-32, 200 epochs, three seeds",
        },
        budget={"smoke": 20, "cpu": 140},
        takes=("source", "model"),
    ),
    runs,
    claims,
    figure,
)
