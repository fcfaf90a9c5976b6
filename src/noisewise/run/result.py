"""Run: the result of one training, and how it is written."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from noisewise._version import __version__
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.bounds import PATH, check
from noisewise.data import Dataset
from noisewise.data.dataset import UNLABELLED
from noisewise.data.row_names import named, predicted_rows
from noisewise.data.rows import Normalise, Rows
from noisewise.errors import BadInput
from noisewise.files import recover, to_json, whole_folder
from noisewise.formatting import html_table, percent
from noisewise.probes.observer import SECONDS
from noisewise.reports.run import render
from noisewise.run.inputs import RunInputs, Source
from noisewise.run.reading import as_recorded, recorded
from noisewise.run.saved import read_model, write_model
from noisewise.training.config import Config, configured
from noisewise.training.history import RULES
from noisewise.training.networks import Predictor
from noisewise.training.observer import Row
from noisewise.training.streams import predicted
from noisewise.training.trainer import Training

SHOWN = ("epoch", "train_loss", "train_accuracy", "validation_accuracy", "test_accuracy", "seconds")
EPOCHS = 5  # in a notebook


@dataclass(frozen=True, eq=False)
class Run:
    """The result of one training.

    Attributes:
        metrics: the content of `run.json`: configuration, versions, accuracies, cost.
        history: one row per recorded epoch.
        samples: one row per row of the data set: what training saw of it, its suspicion and suggested label.
        predictor: the trained networks at the selected epoch.
        classes: class names.
        normalise: how inputs are prepared.
        config: the settings.
        inputs: how further rows become inputs of the networks.
    """

    metrics: dict[str, Any]
    history: pd.DataFrame
    samples: pd.DataFrame
    predictor: Predictor
    classes: tuple[str, ...]
    normalise: Normalise
    config: Config
    inputs: RunInputs

    def __repr__(self) -> str:
        found = self.metrics
        accuracy, rate = found["test_accuracy_selected"], found["true_noise_rate"]
        noise = "" if rate is None else f", {percent(rate)} wrong labels"
        test = "" if accuracy is None else f", test accuracy {percent(accuracy)}"
        what = f"{found['method']} with {found['model']} on {found['source']}"
        epochs = f"epoch {found['selected_epoch']} of {len(self.history)}"
        return f"Run({what}: {len(self.samples)} rows{noise}, {epochs}{test})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the result, the suspects, and the last epochs."""
        found, suspects = self.metrics, self.metrics.get("suspects", {})
        titles = [name for name in SHOWN if name in self.history and self.history[name].notna().any()]
        rows = [
            [f"{value:.4g}" if isinstance(value, float) else value for value in line]
            for line in self.history[titles].tail(EPOCHS).itertuples(index=False)
        ]
        said = [f"The saved network is that of epoch {found['selected_epoch']}."]
        if suspects:
            said.append(f"{suspects['rows']:,} rows are suspect (.samples, is_issue).")
        if suspects.get("weak"):
            said.append(f"Weak evidence: {suspects['weak']}")
        said.append(".save(folder) writes the report.")
        return html_table(repr(self), titles, rows, " ".join(said))

    @classmethod
    def load(cls, folder: str | Path, *, model: Any = None, method: Any = None, device: str | None = None) -> Run:
        """The run that `save` wrote.

        Args:
            folder: of the run.
            model: the module or function that was trained, if it was an object or "module:attribute" rather than a
                name of `noisewise models`. What a file names as code of its own is never imported.
            method: likewise the Method, where its way to predict is its own.
            device: where the networks predict; None is that of the training, if this machine has it.

        Raises:
            BadInput: the folder holds no run, its files are damaged, or the networks cannot be built again.
        """
        folder = Path(check(None, "folder", folder, PATH))
        metrics = read_metrics(folder)
        predictor, inputs, normalise = read_model(folder, metrics, model, method)
        try:
            history = pd.read_parquet(folder / "history.parquet")
            samples = pd.read_parquet(folder / "samples.parquet")
            epochs, seed = metrics["config"]["epochs"], metrics["config"]["seed"]
            settings = {name: v for name, v in metrics["config"].items() if name not in ("epochs", "seed", "device")}
            config = configured(epochs, seed, {**settings, "device": device or "auto"})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"the run in {folder} is damaged: {error}") from error
        predictor.to(config.torch_device)
        classes = tuple(map(str, metrics["classes"]))
        return cls(metrics, history, samples, predictor, classes, normalise, config, inputs)

    def rows(self, source: Source, **reading: Any) -> Dataset:
        """Further rows as inputs of this run: read, scaled and encoded as those that it trained on.

        Args:
            source: a table (its file or a DataFrame), a folder of pictures at any depth or one picture, an array or its
                file, any other source of `noisewise.load`, or a Dataset. Labels are not needed.
            **reading: how the source is read, as for `noisewise.load`: `labels`, `id`, `na`, ... What is not given is
                as it was for the training, as far as it applies to this source.

        Raises:
            BadInput: the source cannot be read, or has rows of another kind or shape.
        """
        how = as_recorded(source, self.inputs.kind, recorded(self.metrics), reading)
        return self.inputs.rows(source, self.classes, how)

    def predict_proba(self, source: Source, **reading: Any) -> np.ndarray:
        """(n, K) probabilities of further rows; see `rows`. Arrays have the shape and type that the training had."""
        if isinstance(source, np.ndarray):
            if not len(source):
                return np.empty((0, len(self.classes)))
            data = Dataset(source, np.full(len(source), UNLABELLED), self.classes, kind=self.inputs.kind)
        else:
            data = self.rows(source, **reading)
        rows = Rows(data, self.config.torch_device, normalise=self.normalise)
        return predicted(self.predictor, rows).double().cpu().numpy()

    def predict(self, source: Source, **reading: Any) -> np.ndarray:
        """(n,) predicted class numbers of further rows; see `rows`."""
        return self.predict_proba(source, **reading).argmax(axis=1)

    def predictions(self, source: Source, **reading: Any) -> pd.DataFrame:
        """A table of further rows, in their order; see `rows`.

        Columns: `index`; the id and the `file` of the row, where it has them; `predicted`, the most probable class, and
        its probability, `confidence`; and `given`, the label in the source, if every row has one.
        """
        data = source if isinstance(source, Dataset) else self.rows(source, **reading)
        return predicted_rows(data, self.predict_proba(data), self.classes)

    def save(self, folder: str | Path, *, report: bool = True) -> Path:
        """Write all files of the run, or none.

        `run.json`, `history.parquet`, `samples.parquet`, `model.safetensors`, `inputs.safetensors` (how further rows
        become inputs, for `load`) and `report.html`.

        Args:
            folder: where; other files there stay.
            report: whether to draw the report, which takes about half a second.

        Raises:
            BadInput: the folder cannot be written or the disk is full.
        """
        folder = Path(folder)
        with whole_folder(folder, stale=("report.html",), last="run.json") as temporary:
            (temporary / "run.json").write_text(to_json(self.metrics), encoding="utf-8")
            self.history.to_parquet(temporary / "history.parquet", index=False)
            self.samples.to_parquet(temporary / "samples.parquet", index=False)
            write_model(temporary, self.predictor, self.inputs, self.normalise, len(self.classes))
            if report:
                page = render(self.metrics, self.history, self.samples)
                (temporary / "report.html").write_text(page, encoding="utf-8")
        return folder


def read_metrics(folder: Path) -> dict[str, Any]:
    """The content of `run.json`.

    Raises:
        BadInput: there is none, or it was not written by a training.
    """
    recover(folder)
    path = folder / "run.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{folder} is not the folder of a run: cannot read {path.name} ({error})") from error
    known = found if isinstance(found, dict) else {}
    missing = [name for name in ("classes", "model", "method", "config", "precision") if name not in known]
    if missing:
        raise BadInput(f"{path} was not written by a training: it has no {missing[0]}")
    return dict(found)


def samples(training: Training, data: Dataset) -> tuple[pd.DataFrame, Judgement]:
    """One row per training and validation row, by index; and the judgement that says which labels are suspect.

    Columns: `index`; the id and the `file` of the row, where it has them (see `named`); `split`, `given`, `suggested`,
    `suspicion`, `is_issue`, and the ledger's statistics. Rows are judged by the predictions of networks that have not
    seen them, where the recipe has such.
    """
    splits = [("train", data), ("validation", data.validation)]
    present = [(name, part) for name, part in splits if part is not None and len(part)]
    index = np.concatenate([part.index for _, part in present])
    given = np.concatenate([part.given for _, part in present])
    statistics = {name: values[index] for name, values in training.ledger.statistics().items()}
    seen_by_none = None if training.decision is None else training.decision.unseen
    unseen = None if seen_by_none is None else seen_by_none[torch.as_tensor(index)].double().numpy()
    found = judge(Evidence(given, len(data.classes), unseen, ledger=statistics))
    names = np.asarray(data.classes, dtype=object)
    frame = pd.DataFrame(
        {
            "index": index,
            "split": np.repeat([name for name, _ in present], [len(part) for _, part in present]),
            "given": names[given],
            "suggested": names[found.suggested],
            "suspicion": found.suspicion,
            "is_issue": found.is_issue,
            **{name: values for name, values in statistics.items() if values.ndim == 1},
        }
    )
    return named(frame.sort_values("index", ignore_index=True), *(part for _, part in present)), found


def _suspects(found: Judgement) -> dict[str, Any]:
    """How many rows are suspect and by which rule, for `run.json`."""
    return {
        "rows": int(found.is_issue.sum()),
        "threshold": float(found.threshold),
        "noise_rate": float(found.noise_rate),
        "noise_rate_interval": list(found.interval),
        "weak": found.weak,
    }


def result(training: Training, data: Dataset, about: dict[str, Any]) -> Run:
    """The result of a finished training.

    Args:
        training: finished.
        data: what it trained on, with its truth.
        about: further entries of `metrics`, such as the experiment.

    Raises:
        BadInput: the recipe recorded no epoch.
    """
    config, model = training.config, training.model
    history = pd.DataFrame(training.history)
    predictor = training.predictor
    if predictor is None or history.empty:
        name = about.get("method", "")
        raise BadInput(f"the recipe {name} recorded no epoch: it must call fit for at least one epoch with record=True")
    predictor.nets.load_state_dict(training.selected)
    accuracy = history.get("test_accuracy")
    chosen, last = int(np.flatnonzero(history["selected"])[-1]), RULES["last"](training.history)
    metrics: dict[str, Any] = {
        "source": data.name,
        "rows": len(data),
        "classes": list(data.classes),
        **about,
        "model": model if isinstance(model, str) else type(model).__name__,
        "config": config.plain(),
        "splits": {name: len(part) for name, part in data.parts.items()},
        "provenance": list(data.provenance),
        "true_noise_rate": data.noise_rate,
        "test_accuracy_last": None if accuracy is None else accuracy.iloc[last],
        "test_accuracy_best": None if accuracy is None else accuracy.max(),
        "test_accuracy_last10": None if accuracy is None else accuracy.iloc[-10:].mean(),
        "test_accuracy_selected": None if accuracy is None else accuracy.iloc[chosen],
        "selected_epoch": int(history["epoch"].iloc[chosen]),
        "selection": _selection(training.history),
        "seconds": training.seconds,
        "examples_per_second": training.examples_per_second,
        "device": str(config.torch_device),
        "precision": training.precision,
        "versions": versions(),
    }
    if (decision := training.decision) is not None:
        metrics |= {"decision": decision.said, "noise_rate": decision.noise_rate}
        metrics["noise_rate_interval"] = None if decision.interval is None else list(decision.interval)
    measured = [name for name in map(str, history.columns) if name.startswith(f"{SECONDS}/")]
    if data.columns:
        metrics["columns"] = [column.plain for column in data.columns]
    if measured:
        metrics[SECONDS] = {name.partition("/")[2]: float(history[name].sum()) for name in measured}
    for name in ("train_accuracy", "clean_fit", "noisy_fit", "label_precision", "label_recall"):
        if name in history:
            metrics[name] = history[name].iloc[last]
    frame, judgement = samples(training, data)
    metrics["suspects"] = _suspects(judgement)
    return Run(metrics, history, frame, predictor, data.classes, training.rows.normalise, config, RunInputs.of(data))


def _selection(history: list[Row]) -> dict[str, dict[str, Any]]:
    """Per rule of stopping, the epoch it chooses and the test accuracy there, where that is known."""
    found = {}
    for name, rule in RULES.items():
        row = history[rule(history)]
        found[name] = {"epoch": row["epoch"], "test_accuracy": row.get("test_accuracy")}
    return found


def versions() -> dict[str, str]:
    """Versions of what determines a result."""
    return {
        "noisewise": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
