"""Trackers; those whose package is not installed are tried with a stand-in, and the real one is skipped."""

import importlib.util
import types

import numpy as np
import pytest
import torch

import noisewise as nw
from noisewise.errors import BadInput
from noisewise.run import trackers
from noisewise.run.trackers import Tracker
from noisewise.training import resume

EPOCHS = 3


def trained(observe, out=None, **more):
    return nw.train("digits", "ce", "mlp:4", EPOCHS, observe=observe, rows=60, out=out, report=False, **more)


class Kept(Tracker):
    """Keeps what it is sent."""

    last = None

    def __init__(self, data):
        super().__init__(data)
        type(self).last, self.sent, self.ended = self, [], 0

    def start(self, training):
        self.said = self.settings(training)

    def log(self, numbers, epoch):
        self.sent.append((epoch, numbers))

    def end(self):
        self.ended += 1


@pytest.fixture
def kept(monkeypatch):
    monkeypatch.setattr(trackers, "TensorBoard", Kept)
    return Kept


def test_a_tracker_gets_settings_and_every_epoch_once(kept):
    run = trained("tensorboard")
    assert kept.last.said["method"] == "ce"
    assert kept.last.said["model"] == "mlp:4"
    assert kept.last.said["epochs"] == EPOCHS
    assert [epoch for epoch, _ in kept.last.sent] == [1, 2, 3]
    assert kept.last.sent[1][1]["train_loss"] == run.history["train_loss"][1]
    assert all(np.isfinite(list(numbers.values())).all() for _, numbers in kept.last.sent)
    assert kept.last.ended == 1


def test_it_changes_nothing(kept):
    plain, tracked = trained(""), trained("tensorboard")
    for one, other in zip(plain.predictor.nets.parameters(), tracked.predictor.nets.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_resumed_training_sends_all_epochs(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)

    def stop(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained("tensorboard", tmp_path, on_epoch=stop)
    assert kept.last.ended == 0
    trained("tensorboard", tmp_path, resume=True)
    assert [epoch for epoch, _ in kept.last.sent] == [1, 2, 3]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_one_sentence_before_the_training(name, monkeypatch):
    def missing(package):
        raise ModuleNotFoundError(package)

    monkeypatch.setattr(trackers, "importlib", types.SimpleNamespace(import_module=missing))
    with pytest.raises(BadInput, match=rf"{name} is not installed: pip install noisewise\[trackers\]"):
        trained(name)


def test_the_command_takes_a_tracker(kept, tmp_path):
    from noisewise.cli import main

    arguments = ["train", "digits", "--method", "ce", "--model", "mlp:4", "--rows", "60", "--epochs", "2"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--track", "tensorboard", "--out", str(tmp_path)])
    assert ended.value.code == 0
    assert len(kept.last.sent) == 2


def needed(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} of the extra trackers is not installed")


@pytest.mark.filterwarnings("ignore")
def test_tensorboard(tmp_path):
    needed("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained("tensorboard", tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    found = events.Scalars("train_loss")
    assert [one.step for one in found] == [1, 2, 3]
    np.testing.assert_allclose([one.value for one in found], run.history["train_loss"], rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path, monkeypatch):
    needed("mlflow")
    import mlflow

    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/store.db"
    run = trained(f"mlflow:experiment=noise,uri={uri}")
    client = mlflow.MlflowClient(tracking_uri=uri)
    (found,) = client.search_runs([client.get_experiment_by_name("noise").experiment_id])
    assert found.info.status == "FINISHED"
    assert found.data.params["method"] == "ce"
    history = client.get_metric_history(found.info.run_id, "train_loss")
    np.testing.assert_allclose([one.value for one in history], run.history["train_loss"])


@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_offline(tmp_path, monkeypatch):
    needed("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    trained("wandb:project=noise", tmp_path / "run")
    (folder,) = (tmp_path / "run" / "wandb").glob("offline-run-*")
    assert list(folder.glob("*.wandb"))
    with pytest.raises(BadInput, match="mode='on' must be offline or online"):
        trained("wandb:mode=on")
