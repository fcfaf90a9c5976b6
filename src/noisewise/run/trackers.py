"""Trackers: observers that send every epoch's numbers to TensorBoard, MLflow or Weights & Biases.

They need the extra `trackers`. By name: `observe="tensorboard"`, `observe="mlflow:experiment=noise"`, and
`noisewise train --track tensorboard`.
"""

from __future__ import annotations

import importlib
import math
import os
from pathlib import Path
from typing import Any

from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.training.observer import Observer, Row
from noisewise.training.trainer import Training


class Tracker(Observer):
    """Base of trackers: it starts with the settings, gets every epoch's finite numbers, and ends with the training.

    A training that is resumed is sent from its first epoch again: what has been recorded is known.

    Args:
        data: what is trained on, for its name.
    """

    only_tells = True

    def __init__(self, data: Dataset) -> None:
        self.name = data.name
        self._open = False

    def before(self, training: Training) -> None:
        """Start, with the settings and the epochs recorded so far."""
        self.start(training)
        self._open = True
        for row in training.history:
            self.recorded(dict(row))

    def recorded(self, row: Row) -> None:
        """Send the numbers of an epoch."""
        numbers = {name: float(value) for name, value in row.items() if _is_number(value) and name != "epoch"}
        self.log(numbers, int(row["epoch"]))

    def after(self, training: Training) -> None:
        """End."""
        if self._open:
            self.end()
            self._open = False

    def start(self, training: Training) -> None:
        """Open what numbers are sent to."""
        raise NotImplementedError

    def log(self, numbers: dict[str, float], epoch: int) -> None:
        """Send numbers by name."""
        raise NotImplementedError

    def end(self) -> None:
        """Close it."""
        raise NotImplementedError

    def settings(self, training: Training) -> dict[str, Any]:
        """What the training is: data, method, model and settings, as plain values."""
        model = training.model if isinstance(training.model, str) else type(training.model).__name__
        return {"source": self.name, "method": training.method, "model": model, **training.config.plain()}


class TensorBoard(Tracker):
    """Writes scalars for TensorBoard.

    Args:
        data: what is trained on.
        folder: of the event files; by default `tensorboard` beside the results, or in the present folder.
    """

    def __init__(self, data: Dataset, folder: str | None = None) -> None:
        super().__init__(data)
        _needed("tensorboard")
        self.folder = folder

    def start(self, training: Training) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(_place(training, "tensorboard", self.folder)))
        said = "\n".join(f"    {name}: {value}" for name, value in self.settings(training).items())
        self._writer.add_text("settings", said)

    def log(self, numbers: dict[str, float], epoch: int) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def end(self) -> None:
        self._writer.close()


class MLflow(Tracker):
    """Sends parameters and metrics to MLflow.

    Args:
        data: what is trained on.
        experiment: name of the experiment; by default that of the data.
        uri: of the tracking server; by default MLflow's own choice, such as `MLFLOW_TRACKING_URI`.
    """

    def __init__(self, data: Dataset, experiment: str | None = None, uri: str | None = None) -> None:
        super().__init__(data)
        self._mlflow = _needed("mlflow")
        self.experiment, self.uri = experiment or data.name, uri

    def start(self, training: Training) -> None:
        settings = self.settings(training)
        self._client = self._mlflow.MlflowClient(tracking_uri=self.uri)
        found = self._client.get_experiment_by_name(self.experiment)
        identity = found.experiment_id if found else self._client.create_experiment(self.experiment)
        run_name = f"{settings['method']} {settings['model']} seed {settings['seed']}"
        self._run = self._client.create_run(identity, run_name=run_name).info.run_id
        for name, value in settings.items():
            self._client.log_param(self._run, name, value)

    def log(self, numbers: dict[str, float], epoch: int) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=epoch)

    def end(self) -> None:
        self._client.set_terminated(self._run)


class WeightsAndBiases(Tracker):
    """Sends settings and numbers to Weights & Biases: offline, unless the mode says otherwise.

    Args:
        data: what is trained on.
        project: name of the project.
        mode: "offline" keeps the run in a folder, to be sent later by `wandb sync`; "online" sends it at once. By
            default `WANDB_MODE`, else offline.
        folder: of offline runs; by default beside the results, or the present folder.
    """

    def __init__(
        self, data: Dataset, project: str = "noisewise", mode: str | None = None, folder: str | None = None
    ) -> None:
        super().__init__(data)
        self._wandb = _needed("wandb")
        self.mode = mode or os.environ.get("WANDB_MODE", "offline")
        if self.mode not in ("offline", "online", "disabled", "shared"):
            raise BadInput(f"wandb: mode={self.mode!r} must be offline or online")
        self.project, self.folder = project, folder

    def start(self, training: Training) -> None:
        folder = _place(training, "", self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        quiet = self._wandb.Settings(silent=True)
        self._run = self._wandb.init(
            project=self.project,
            mode=self.mode,
            dir=str(folder),
            config=self.settings(training),
            settings=quiet,
            reinit="create_new",
        )

    def log(self, numbers: dict[str, float], epoch: int) -> None:
        self._run.log(numbers, step=epoch)

    def end(self) -> None:
        self._run.finish()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _place(training: Training, name: str, stated: str | None) -> Path:
    """The stated folder, or one beside the results; checkpoints lie in a folder of the results."""
    if stated is not None:
        return Path(stated)
    return (Path() if training.folder is None else training.folder.parent) / name


def _needed(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise BadInput(f"{package} is not installed: pip install noisewise[trackers]") from error
