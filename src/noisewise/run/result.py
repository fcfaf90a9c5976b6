"""Run: the result of one training, and how it is written."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

from noisewise._version import __version__
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.data import Dataset
from noisewise.data.dataset import Kind
from noisewise.data.row_names import named
from noisewise.data.rows import Normalise, Rows
from noisewise.errors import BadInput
from noisewise.files import to_json, whole_folder
from noisewise.formatting import html_table, percent
from noisewise.probes.observer import SECONDS
from noisewise.reports.run import render
from noisewise.training.config import Config
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
        kind: of the data.
    """

    metrics: dict[str, Any]
    history: pd.DataFrame
    samples: pd.DataFrame
    predictor: Predictor
    classes: tuple[str, ...]
    normalise: Normalise
    config: Config
    kind: Kind = "vector"

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

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """(n, K) probabilities of raw inputs, of the shape and type the training had."""
        if not len(inputs):
            return np.empty((0, len(self.classes)))
        nobody = np.zeros(len(inputs), dtype=np.int64)
        data = Dataset(inputs, nobody, self.classes, kind=self.kind)
        rows = Rows(data, self.config.torch_device, normalise=self.normalise)
        return predicted(self.predictor, rows).double().cpu().numpy()

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """(n,) predicted class numbers."""
        return self.predict_proba(inputs).argmax(axis=1)

    def save(self, folder: str | Path, *, report: bool = True) -> Path:
        """Write `run.json`, `history.parquet`, `samples.parquet`, `model.safetensors`, `report.html`, all or none.

        Args:
            folder: where; other files there stay.
            report: whether to draw the report, which takes about half a second.

        Raises:
            BadInput: the folder cannot be written or the disk is full.
        """
        folder = Path(folder)
        with whole_folder(folder, last="run.json") as temporary:
            (temporary / "run.json").write_text(to_json(self.metrics), encoding="utf-8")
            self.history.to_parquet(temporary / "history.parquet", index=False)
            self.samples.to_parquet(temporary / "samples.parquet", index=False)
            weights = {
                name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
                for name, value in self.predictor.nets.state_dict().items()
            }
            save_file(weights, str(temporary / "model.safetensors"))
            if report:
                page = render(self.metrics, self.history, self.samples)
                (temporary / "report.html").write_text(page, encoding="utf-8")
        return folder


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
    found = judge(Evidence(given, len(data.classes), unseen, ledger=statistics), seed=training.config.seed)
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
        "precision": config.torch_precision,
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
    return Run(metrics, history, frame, predictor, data.classes, training.rows.normalise, config, data.kind)


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
