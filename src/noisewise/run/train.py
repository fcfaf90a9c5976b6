"""One run: data set + corruption + model + method + settings + seed -> results in a folder."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn

from noisewise._version import __version__
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.data import Dataset, load, split, subset
from noisewise.data.dataset import Kind
from noisewise.data.rows import Normalise, Rows
from noisewise.errors import BadInput
from noisewise.files import to_json, whole_folder
from noisewise.methods import build
from noisewise.methods.presets import preset as named_preset
from noisewise.models import DEFAULTS
from noisewise.noise import corrupt as apply_corruption
from noisewise.probes import build as build_probes
from noisewise.probes.observer import SECONDS, ProbeObserver
from noisewise.reports.run import render
from noisewise.run.truth import TruthObserver
from noisewise.training.config import Config, configured
from noisewise.training.method import Method
from noisewise.training.networks import Predictor
from noisewise.training.observer import Callbacks, Row
from noisewise.training.stopping import RULES
from noisewise.training.streams import predicted
from noisewise.training.trainer import Training


@dataclass(frozen=True, eq=False)
class Run:
    """The result of one training.

    Attributes:
        metrics: the content of `run.json`: configuration, versions, accuracies, cost.
        history: one row per recorded epoch.
        samples: one row per row of the data set: what training saw of it, its suspicion and suggested label.
        predictor: the trained networks at the selected epoch.
        classes: class names.
        normalise: how inputs are prepared. config: the settings.
    """

    metrics: dict[str, Any]
    history: pd.DataFrame
    samples: pd.DataFrame
    predictor: Predictor
    classes: tuple[str, ...]
    normalise: Normalise
    config: Config
    kind: Kind = "vector"

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
            folder: where. report: whether to draw the report, which takes about half a second.

        Raises:
            BadInput: the folder cannot be written or the disk is full.
        """
        folder = Path(folder)
        with whole_folder(folder) as temporary:
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


def train(
    data: Dataset | str | Path,
    method: str | Method | Callable[..., None] = "ce",
    model: str | nn.Module | Callable[..., nn.Module] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    *,
    preset: str | None = None,
    corrupt: str | None = None,
    trusted: int = 0,
    noise_rate: float | None = None,
    rows: int | None = None,
    labels: str | None = None,
    data_dir: str | Path | None = None,
    probe: str | None = None,
    out: str | Path | None = None,
    report: bool = True,
    resume: bool = False,
    on_epoch: Callable[[Row], None] | None = None,
    on_progress: Callable[[float], None] | None = None,
    **settings: Any,
) -> Run:
    """Train a model by a method, and keep a ledger of every row.

    Args:
        data: a Dataset, or a source (a name, a path, "hf:NAME").
        method: a spec such as "elr" or "cdr:tau=0.4+gce", a Method, or a recipe.
        model: a catalogue name, "module:function", a callable or a module; by default one that fits the kind of data.
        epochs: of the training; 20 where neither this nor a preset says. seed: of everything random.
        preset: published settings of the method by name, such as "paper-cifar10-sym50": its options, and the model,
            epochs and further settings where they are not stated here.
        corrupt: a corruption spec, applied before splitting.
        trusted: number of rows with known-correct labels to set aside for methods that need them.
        noise_rate: the noise rate where you know it; methods that need it otherwise estimate it.
        rows: train on a stratified random subset of so many rows.
        labels: label column of a table. data_dir: a folder to look for named sources in.
        probe: what to measure of the networks after epochs, such as "fisher,curvature:top=3".
        out: a folder for results and checkpoints. report: whether a report is drawn there.
        resume: go on from the checkpoint in `out`.
        on_epoch, on_progress: told every history row, and the share of the present epoch that is done.
        settings: further fields of `Config`.

    Raises:
        BadInput: whatever cannot be done as asked. Diverged: the loss became infinite or NaN.
    """
    if preset is not None:
        found = named_preset(_named(method), preset)
        method, model = found.method, model if model is not None else found.model
        epochs, settings = epochs if epochs is not None else found.epochs, {**found.settings, **settings}
    source = data if isinstance(data, Dataset) else load(data, labels=labels, data_dir=data_dir)
    if rows is not None:
        source = subset(source, rows, seed)
    if corrupt:
        source = apply_corruption(source, corrupt, seed=seed)
    config = configured(20 if epochs is None else epochs, seed, settings)
    parts = split(
        source, validation=config.validation if source.validation is None else 0.0, trusted=trusted, seed=seed
    )
    chosen = model if model is not None else DEFAULTS[source.kind]
    trains = build(method)
    probes = ProbeObserver(build_probes(probe) if probe else [], parts)
    folder = None if out is None else Path(out)
    training = Training(
        parts,
        chosen,
        config,
        folder=None if folder is None else folder / "checkpoint",
        resume=resume,
        observers=[TruthObserver(parts), probes, Callbacks(on_epoch, on_progress)],
        noise_rate=noise_rate,
        method=_said(method),
    )
    trains(training)
    training.finish()
    run = _result(training, parts, method, chosen, config, preset)
    if folder is not None:
        run.save(folder, report=report)
    return run


def _named(method: Any) -> str:
    """A method's name, for which alone there are presets."""
    if not isinstance(method, str):
        raise BadInput("a preset is of a method given by its name")
    return method


def _said(method: str | Method | Callable[..., None]) -> str:
    """A method as text that is the same in every process."""
    if isinstance(method, Method):
        return repr(method)
    return method if isinstance(method, str) else getattr(method, "__qualname__", type(method).__name__)


def samples(training: Training, data: Dataset) -> pd.DataFrame:
    """One row per training and validation row, by index.

    Columns: `index`, `split`, `given`, `suggested`, `suspicion`, `is_issue`, and the ledger's statistics.
    """
    splits = [("train", data), ("validation", data.validation)]
    present = [(name, part) for name, part in splits if part is not None and len(part)]
    index = np.concatenate([part.index for _, part in present])
    given = np.concatenate([part.given for _, part in present])
    statistics = {name: values[index] for name, values in training.ledger.statistics().items()}
    found = judge(Evidence(given, len(data.classes), ledger=statistics), seed=training.config.seed)
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
    return frame.sort_values("index", ignore_index=True)


def _result(training: Training, data: Dataset, method: Any, model: Any, config: Config, preset: str | None) -> Run:
    history = pd.DataFrame(training.history)
    predictor = training.predictor
    assert predictor is not None  # every recipe records at least one epoch
    predictor.nets.load_state_dict(training.selected)
    accuracy = history.get("test_accuracy")
    chosen = int(np.flatnonzero(history["selected"])[-1])
    metrics: dict[str, Any] = {
        "source": data.name,
        "rows": len(data),
        "classes": list(data.classes),
        "method": _said(method),
        "preset": preset,
        "model": model if isinstance(model, str) else type(model).__name__,
        "config": config.plain(),
        "provenance": list(data.provenance),
        "true_noise_rate": data.noise_rate,
        "test_accuracy_last": None if accuracy is None else accuracy.iloc[-1],
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
    measured = [name for name in map(str, history.columns) if name.startswith(f"{SECONDS}/")]
    if measured:
        metrics[SECONDS] = {name.partition("/")[2]: float(history[name].sum()) for name in measured}
    for name in ("train_accuracy", "clean_fit", "noisy_fit", "label_precision", "label_recall"):
        if name in history:
            metrics[name] = history[name].iloc[-1]
    frame = samples(training, data)
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
