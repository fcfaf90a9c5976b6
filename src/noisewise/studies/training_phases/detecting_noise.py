"""Wrong labels show while they are not yet fitted: detectors by epoch, early against late, averaged against last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from noisewise.allowance import Pace
from noisewise.auditing.detectors.catalogue import DETECTORS
from noisewise.auditing.detectors.predictions.incv import agrees
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.gathering.crossfit import CrossFit, train_folds
from noisewise.auditing.gathering.fold import Fold, gathered
from noisewise.compute import Task
from noisewise.data import Dataset
from noisewise.figures import COLOURS, GREY, subplots
from noisewise.files import whole
from noisewise.noise import corrupt
from noisewise.studies.frame.claim import Estimate
from noisewise.studies.frame.results import Results
from noisewise.studies.frame.study import Scale, Study
from noisewise.studies.harness.data import sample
from noisewise.studies.harness.drawing import draw_runs
from noisewise.studies.harness.statistics import auroc, by_seed
from noisewise.training import Method, Training
from noisewise.training.config import Config, configured
from noisewise.training.observer import Observer, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SYMMETRIC = {20: "symmetric:0.2", 40: "symmetric:0.4"}
PAIR = "pair:0.4"
LAST, MEAN = "last loss", "mean loss"
BY_PACKAGE = ("aum", "forgetting", "loss-mixture")
SCORES = (LAST, MEAN, *BY_PACKAGE)
COLUMNS = (*(f"auroc of {name}" for name in SCORES), "all predicted", "right predicted", "wrong predicted")
FOLDS = 2
KEPT = ("held", "probabilities")  # of a fold, besides its statistics


def watched(
    source: str, noise: str, points: int, model: str, seed: int, scratch: Path | None = None, **training: Any
) -> dict[str, Any]:
    """One training, and after every epoch how well each score separates wrong labels from right ones.

    Training is by SGD with momentum 0.9 and a learning rate that falls along a cosine.

    Args:
        source: Of the rows.
        noise: A corruption spec.
        points: Number of rows.
        model: A catalogue name with its options.
        seed: Random seed of rows, noise and training.
        scratch: For checkpoints; None keeps none.
        **training: `epochs`, `batch` (rows per batch) and `rate` (the learning rate).

    Returns:
        `auroc`: (scores, epochs) in the order of `SCORES`; `train_accuracy`, `clean_fit` and `noisy_fit`: (epochs,) the
        shares of all, the right and the wrong labels that the network predicted when it last trained on their rows;
        `wrong`: the share of wrong labels.
    """
    data, wrong = _corrupted(source, noise, points, seed)
    observer, config = _Scores(data, wrong), _config(seed=seed, **training)
    fitted = Training(data, model, config, observers=[observer], folder=scratch, resume=scratch is not None)
    fitted.fit(fitted.learner(), Method(), config.epochs)
    table = np.array([[row[name] for name in COLUMNS] for row in fitted.history]).T
    names = ("train_accuracy", "clean_fit", "noisy_fit")
    return {"auroc": table[: len(SCORES)], **dict(zip(names, table[len(SCORES) :], strict=True)), "wrong": wrong.mean()}


class _Scores(Observer):
    """After every epoch the AUROC of each score, and the shares of all, right and wrong labels predicted."""

    def __init__(self, data: Dataset, wrong: np.ndarray) -> None:
        self.data, self.wrong = data, wrong

    def after_epoch(self, training: Training, method: Method) -> Row:
        data, wrong = self.data, self.wrong
        statistics = {name: values[data.index] for name, values in training.ledger.statistics().items()}
        fits = training.ledger.was_right.cpu().numpy()[data.index]
        found = scores(Evidence(data.given, len(data.classes), ledger=statistics))
        areas = [auroc(wrong, found[name]) for name in SCORES]
        shares = (float(fits.mean()), float(fits[~wrong].mean()), float(fits[wrong].mean()))
        return dict(zip(COLUMNS, (*areas, *shares), strict=True))


def scores(evidence: Evidence) -> dict[str, np.ndarray]:
    """(n,) per name of `SCORES`, higher is more suspect: two losses, and the package's detectors of a training."""
    losses = {LAST: evidence.statistic("loss_last"), MEAN: evidence.statistic("loss_mean")}
    return losses | {name: DETECTORS[name](evidence) for name in BY_PACKAGE}


def halves(
    source: str, noise: str, points: int, model: str, seed: int, scratch: Path | None = None, **training: Any
) -> dict[str, Any]:
    """What INCV selects, one network per half, against what `memorised` predicts from the share of wrong labels.

    Args:
        source: Of the rows.
        noise: A corruption spec.
        points: Number of rows.
        model: A catalogue name with its options.
        seed: Random seed of rows, noise and training.
        scratch: For the networks that were trained before an interruption; None keeps none.
        **training: As of `watched`.

    Returns:
        `kept`, `precision` and `recall`: (2,) as predicted and as found, the share of the rows selected, the share of
        right labels among them, and the share of the right labels that are among them; `wrong`: the share of wrong
        labels; `incv`: the AUROC of the detector.
    """
    data, wrong = _corrupted(source, noise, points, seed)
    fit, pace, folds = CrossFit(model, config=_config(seed=seed, **training), folds=FOLDS), Pace(), []
    for number in range(FOLDS):
        pace.begin(lambda: None)
        folds.append(_fold(data, fit, number, None if scratch is None else scratch / f"fold-{number}.npz"))
    evidence = gathered(data, folds)
    assert evidence.probabilities is not None
    kept, share = agrees(evidence.probabilities, data.given), float(wrong.mean())
    found = (kept.mean(), (~wrong)[kept].mean(), kept[~wrong].mean())
    predicted = memorised(share, 1 if noise.startswith("pair") else len(data.classes) - 1)
    pairs = zip(("kept", "precision", "recall"), predicted, found, strict=True)
    own = {"incv": auroc(wrong, DETECTORS["incv"](evidence))}
    return {"wrong": share, **own, **{name: np.array([theory, real], dtype=float) for name, theory, real in pairs}}


def _fold(data: Dataset, fit: CrossFit, number: int, kept_in: Path | None) -> Fold:
    """One of the networks of a cross-fitting, read where it was trained before."""
    if kept_in is not None and kept_in.exists():
        with np.load(kept_in) as found:
            return Fold(
                **{name: found[name] for name in KEPT}, statistics={n: found[n] for n in found if n not in KEPT}
            )
    [fold] = train_folds(data, fit, [number])
    if kept_in is not None:
        with whole(kept_in) as path, path.open("wb") as file:
            arrays: dict[str, Any] = {name: getattr(fold, name) for name in KEPT} | fold.statistics
            np.savez(file, **arrays)
    return fold


def memorised(share: float, others: int) -> tuple[float, float, float]:
    """What a network that has memorised its labels selects of the other half (Chen et al., ICML 2019).

    Its predictions are then distributed as the given labels, and independent of those of the other half:

        kept = (1 - e)^2 + e^2 / m,   precision = (1 - e)^2 / kept,   recall = 1 - e

    Args:
        share: e, of wrong labels.
        others: m, the number of classes that a class is mislabelled as, all equally likely.
    """
    kept = (1 - share) ** 2 + share**2 / others
    return kept, (1 - share) ** 2 / kept, 1 - share


def _corrupted(source: str, noise: str, points: int, seed: int) -> tuple[Dataset, np.ndarray]:
    """Rows with given labels, of which the truth is not known, and (n,) which of them are wrong.

    Raises:
        BadInput: a source of texts, or whatever cannot be read or corrupted.
    """
    rows = sample(source, points, 1, seed)
    given = corrupt(rows.dataset(rows.y, source), noise, seed).given
    return rows.dataset(given, source), given != rows.y


def _config(epochs: int, batch: int, rate: float, seed: int) -> Config:
    settings = {"lr": rate, "batch_size": batch, "weight_decay": 0.0, "augment": "none", "validation": 0.0}
    return configured(epochs, seed, {**settings, "precision": "fp32"})


def runs(scale: Scale) -> list[Task]:
    """Halves first: they take longest."""
    return [
        Task.of(function, source=scale.source, noise=noise, seed=seed, model=scale.model, **scale.sizes)
        for function in (halves, watched)
        for noise in (*SYMMETRIC.values(), PAIR)
        for seed in range(scale.seeds)
    ]


def curves(results: Results) -> dict[str, pd.DataFrame]:
    """By noise the AUROC of every score, a column each, after every epoch, from 1; means over seeds."""
    nets, found = results.of("watched"), {}
    for noise in nets.choices("noise"):
        mean = np.mean([item["auroc"] for item in nets.where(noise=noise)], axis=0).T
        found[noise] = pd.DataFrame(mean, index=range(1, len(mean) + 1), columns=list(SCORES))
    return found


def measured(results: Results) -> dict[str, Estimate]:
    """By seed: all scores detect wrong labels early; late the last loss fails, not its mean; INCV is as predicted."""
    return by_seed(_of_seed, results)


def _of_seed(results: Results) -> dict[str, float]:
    early, areas, runs = results.scale.early, curves(results), results.table
    nets = runs[(runs["task"] == "watched") & runs["noise"].isin(SYMMETRIC.values())]
    ends = pd.DataFrame([area[:, -1] for area in nets["auroc"]], columns=list(SCORES))
    found = {
        "memorised": np.min([fit[-1] for fit in nets["train_accuracy"]]),
        "mean-not-worse": (ends[MEAN] - ends[LAST]).min(skipna=False),
    }
    for percent, noise in SYMMETRIC.items():
        here = areas[noise]
        found[f"early-{percent}"] = here.loc[early].min(skipna=False)
        found[f"late-{percent}"] = here.loc[early, LAST] - here[LAST].iloc[-1]
    halved = runs[runs["task"] == "halves"]
    for kind, some in halved.groupby(halved["noise"].str.partition(":")[0]):
        for name in ("precision", "recall"):
            found[f"incv-{name}-{kind}"] = np.max([abs(real - theory) for theory, real in some[name]])
    return found


def figure(results: Results) -> Figure:
    """Draw AUROC by epoch at three kinds of noise, fits by epoch, early against late, and INCV with its theory."""
    drawn, ((fewer, more, pairs), (fits, bars, incv)) = subplots(2, 3)
    areas, (_, noise) = curves(results), SYMMETRIC.values()
    titles = [f"{percent}% symmetric noise" for percent in SYMMETRIC]
    noises = zip((*SYMMETRIC.values(), PAIR), (*titles, "40 % pair noise"), strict=True)
    for axes, (name, title) in zip((fewer, more, pairs), noises, strict=True):
        _draw_areas(axes, results.of("watched").where(noise=name), title)
        axes.axvline(results.scale.early, linestyle=":", color=GREY, linewidth=1, label="early")
    fewer.legend(loc="lower right", ncols=2, fontsize=8)
    _draw_fits(fits, results.of("watched").where(noise=noise))
    own = results.of("halves").where(noise=noise).mean("incv")
    _draw_bars(bars, areas[noise], results.scale.early, own)
    _draw_halves(incv, results.of("halves"))
    return drawn


def _draw_areas(axes: Axes, nets: Results, title: str) -> None:
    for k, (name, colour) in enumerate(zip(SCORES, COLOURS, strict=False)):
        runs = [item["auroc"][k] for item in nets]
        epochs = range(1, len(runs[0]) + 1)
        draw_runs(axes, epochs, runs, "--" if name == "loss-mixture" else "-", color=colour, label=name)
    axes.set(xlabel="epoch", ylabel="AUROC", title=title, ylim=(0.4, 1.02))


def _draw_fits(axes: Axes, nets: Results) -> None:
    for name, label, colour in (("clean_fit", "right labels", COLOURS[2]), ("noisy_fit", "wrong labels", COLOURS[1])):
        runs = [item[name] for item in nets]
        draw_runs(axes, range(1, len(runs[0]) + 1), runs, scale=100, color=colour, label=label)
    axes.set(xlabel="epoch", ylabel="predicted as given (%)", ylim=(-3, 103), title="40 %: what is fitted when")
    axes.legend(loc="lower right")


def _draw_bars(axes: Axes, areas: pd.DataFrame, early: int, own: float) -> None:
    """The AUROC of every score early and at the end, and that of INCV, `own`."""
    places = np.arange(len(SCORES))
    axes.barh(places - 0.2, areas.loc[early], 0.36, color=COLOURS[0], label=f"epoch {early}")
    axes.barh(places + 0.2, areas.iloc[-1], 0.36, color=COLOURS[4], label="last epoch")
    axes.barh(len(SCORES), own, 0.5, color=GREY, label="from the other half")
    axes.set_yticks([*places, len(SCORES)], [*SCORES, "incv"])
    axes.set(xlabel="AUROC", ylabel="score", xlim=(0, 1.02), ylim=(len(SCORES) + 0.5, -1.3))
    axes.set_title("40 %: early and late")
    axes.grid(visible=False, axis="y")
    axes.legend(loc="upper left", ncols=3, fontsize=7.5, columnspacing=0.8, handlelength=1.5)


def _draw_halves(axes: Axes, some: Results) -> None:
    marks = {"kept": "<", "precision": "p", "recall": "*"}
    fills: tuple[Any, ...] = ("full", "none", "left")
    for noise, colour, fill in zip(some.choices("noise"), COLOURS, fills, strict=False):
        for name, mark in marks.items():
            found = np.array([item[name] for item in some.where(noise=noise)])
            axes.plot(found[:, 0], found[:, 1], mark, color=colour, ms=7, fillstyle=fill)
        axes.plot([], [], "s", color=colour, fillstyle=fill, label=noise.replace(":", " "))
    for name, mark in marks.items():
        axes.plot([], [], mark, color=GREY, label=name)
    axes.axline((0.5, 0.5), slope=1, linestyle="--", color=GREY, linewidth=1, label="equal")
    axes.set(xlabel="predicted from the noise rate", ylabel="found", xlim=(0.3, 1.03), ylim=(0.3, 1.03))
    axes.set_title("INCV: selected from the other half")
    axes.legend(loc="upper left", fontsize=8, ncols=2, columnspacing=1)


STUDY = Study.load(__file__, runs, measured, figure)
