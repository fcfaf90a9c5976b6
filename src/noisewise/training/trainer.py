"""Training: the state of one run and the operations on it. It depends on no particular method.

A training in several stages is a recipe: a function that takes a Training and calls `fit` as often as it needs. An
interrupted recipe is called again (see `resume`).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noisewise import models
from noisewise.bounds import check, whole
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import Normalise
from noisewise.data.rows import Rows
from noisewise.files import digest
from noisewise.formatting import count
from noisewise.training.config import Config
from noisewise.training.epoch import total_epochs, train_epoch
from noisewise.training.history import History, Row
from noisewise.training.ledger import Ledger
from noisewise.training.method import EpochEnd, Method
from noisewise.training.networks import Learner, Networks, Predictor
from noisewise.training.optim import build_optimizer
from noisewise.training.resume import Checkpoints
from noisewise.training.streams import Passes, Splits, Streams, normalise_of


class Observer:
    """Follows a training. The base class does nothing; override the calls you need.

    An observer leaves networks, memories and the global random state as they are.
    """

    def before(self, training: Training) -> None:
        """Called once, before the first epoch. An observer that cannot follow this training raises here.

        Args:
            training: before its first epoch.
        """

    def during_epoch(self, share: float) -> None:
        """Called after every step.

        Args:
            share: of the current epoch that is done, in (0, 1].
        """

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Called after every recorded epoch, once it has been evaluated.

        Args:
            training: after the epoch; its history does not have this epoch yet.
            method: the method or chain that trains.

        Returns:
            Columns of this epoch's row of the history.
        """
        return {}

    def recorded(self, row: Row) -> None:
        """Called when the row of an epoch is complete and in the history.

        Args:
            row: of the history.
        """


class Training(Splits):
    """Data on the device, learners, methods, history and checkpoints of one run.

    Args:
        data: the split data set. Its true labels are removed here, so that no method can use them.
        model: a catalogue name, "module:function", a callable or a module (see `models.build`).
        config: the settings.
        folder: where checkpoints go; None keeps none.
        resume: continue from the checkpoint in `folder`, if there is one.
        observers: follow the training; they may hold the true labels, which the training does not.
        evaluate_from: first epoch, counted from 0, after which held-out rows are predicted.
        normalise: how inputs are prepared; default: as the model's card says, else by the statistics of the training
            rows.
        noise_rate: the noise rate, if the user states it.
        method: the method as text; a checkpoint of another method is refused.

    Attributes (in addition to those of `Splits`):
        ledger: statistics of every row over the training.
        history: one row per recorded epoch.
        selected: the weights of the epoch that `config.select` chose.
        predictor: networks and method that predict, as of the last recorded fit.

    Raises:
        BadInput: data that cannot be trained on; a checkpoint that is damaged or of another configuration.
    """

    def __init__(
        self,
        data: Dataset,
        model: str | nn.Module | Callable[..., nn.Module],
        config: Config,
        *,
        folder: Path | None = None,
        resume: bool = False,
        observers: Sequence[Observer] = (),
        noise_rate: float | None = None,
        method: str = "",
        evaluate_from: int = 0,
        normalise: Normalise | None = None,
    ) -> None:
        super().__init__(data, config, noise_rate, normalise or normalise_of(model, data))
        self.model = model
        self.ledger = Ledger(self.task.given, self.classes, config.epochs)
        self.history = History(config.select, config.patience)
        self.selected: dict[str, Tensor] = {}
        self.predictor: Predictor | None = None
        self.observers = tuple(observers)
        self._evaluate_from = evaluate_from
        self._learners: dict[str, Learner] = {}
        self._methods: list[tuple[Method, torch.optim.Optimizer | None]] = []
        self._seconds, self._examples = 0.0, 0
        self._checkpoints = Checkpoints(folder, "" if folder is None else self._identity(method), resume)
        self._restore(self._checkpoints.stored)
        for observer in self.observers:
            observer.before(self)

    def __repr__(self) -> str:
        model = self.model if isinstance(self.model, str) else type(self.model).__name__
        epochs = f"{count(len(self.history), 'epoch')} of {self.config.epochs} recorded"
        return f"Training({model} on {self.data.name}: {count(len(self.rows), 'row')}, {epochs})"

    def learner(self, name: str = "main", networks: int = 1) -> Learner:
        """The learner of a name; a new name gets new networks, initialised from the seed and the name.

        Args:
            name: by which the learner is stored.
            networks: number of networks.
        """
        if name not in self._learners:
            seeds = [self.config.seed_of(name, position, bits=31) for position in range(networks)]
            built = [models.build(self.model, self.data.shape, self.classes, seed=seed) for seed in seeds]
            self.add_learner(name, self.networks(built))
        return self._learners[name]

    def fit(
        self,
        learner: Learner,
        method: Method,
        epochs: int | None = None,
        *,
        split: str | None = None,
        rows: Tensor | None = None,
        auxiliary: Mapping[str, Tensor] | None = None,
        predictor: Predictor | None = None,
        record: bool = True,
        batch_size: int | None = None,
    ) -> Learner:
        """Train a learner for some epochs.

        Args:
            learner: from `learner` or `add_learner`.
            method: a method or chain; prepared when first seen.
            epochs: number of epochs; default: the config's.
            split: name of the split to draw from: "trusted", or one brought by `add`; default: the training rows. Their
                indices must be those of rows of the training, as with other versions of training rows.
            rows: (task.rows,) mask by index of the rows to draw; default: all.
            auxiliary: masks by index of further rows to draw a batch of along with every batch, by name.
            predictor: evaluated after each epoch; default: the learner's networks with the method's `predict`.
            record: whether epochs are evaluated, written to the history and considered for selection.
            batch_size: rows per step, at least 2; default: the config's.

        Raises:
            Diverged: a loss or weight that is not finite; the last good checkpoint is kept.
            BadInput: the method needs trusted rows and there are none; no rows to train on; a split that is not there,
                is held out or has rows of unknown index.
        """
        total = self.config.epochs if epochs is None else check(None, "epochs", epochs, whole(0))
        size = self.config.batch_size if batch_size is None else check(None, "batch_size", batch_size, whole(2))
        joint = self._register(method)
        predictor = predictor or Predictor(learner.nets, method.predict)
        if record:
            self.predictor = predictor
        call, done = self._checkpoints.begin()
        if done is None:
            return learner
        others: dict[str, tuple[Rows, Tensor | None]] = {n: (self.rows, mask) for n, mask in (auxiliary or {}).items()}
        others |= {name: (self.split(name), None) for name in method.auxiliary if name not in others}
        streams = Streams(self._drawn(split), rows, others, size, self.classes)
        for epoch in range(done, total):
            if record and self.history.stopped:
                break
            self._epoch(learner, method, joint, streams)
            if record:
                self._record(learner, method, predictor)
            self._checkpoints.save(call, epoch + 1, self._state)
        return learner

    def networks(self, modules: Iterable[nn.Module], precision: str | None = None) -> Networks:
        """Networks that train and predict in the precision of this training.

        Args:
            modules: the networks; shared, not copied.
            precision: "fp32" or "bf16"; default: that of the training.
        """
        return Networks(modules, precision or self.config.torch_precision)

    def add_learner(self, name: str, nets: Networks) -> Learner:
        """Make a learner of networks that the recipe built with `networks`, and restore it if the run is resumed.

        The optimiser is that of the config, over the trainable parameters.

        Args:
            name: by which the learner is stored.
            nets: the networks; shared, not copied.
        """
        nets.to(self.device)
        if self.data.kind == "image":
            nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learner = Learner(name, nets, build_optimizer(self.config, nets.trainable().values()))
        stored = self._checkpoints.stored.get("learners", {}).get(name)
        if stored:
            nets.load_state_dict(stored["nets"])
            learner.optimizer.load_state_dict(stored["optimizer"])
            learner.epochs_done = stored["epochs_done"]
        self._learners[name] = learner
        return learner

    def record_epoch(self, learner: Learner, method: Method, *, seconds: float = 0.0) -> None:
        """Write an epoch to the history that the recipe trained without `fit`.

        The ledger records every training row once, in evaluation mode; then the learner is evaluated as usual.

        Args:
            learner: after the epoch.
            method: whose `predict` is used.
            seconds: duration of the epoch.
        """
        self._register(method)
        predictor = Predictor(learner.nets, method.predict)
        self.predictor = predictor
        call, done = self._checkpoints.begin()
        if done is None or done:
            return
        for batch in self.passes(learner.nets):
            self.ledger.record(batch.rows, batch.scores)
        learner.epochs_done += 1
        self._seconds += seconds
        self._examples += len(self.rows)
        self._record(learner, method, predictor)
        self._checkpoints.save(call, 1, self._state)

    def memoize(self, name: str, compute: Callable[[], Any]) -> Any:
        """Compute a value once. An interrupted recipe that is called again gets the stored value.

        A recipe calls this for every value that it derives from a learner or a method between fits: when it is called
        again, learners and methods are already as they were at the interruption.

        Args:
            name: of the value.
            compute: returns the value, as tensors or plain data.

        Returns:
            The value.
        """
        return self._checkpoints.memoize(name, compute)

    def finish(self) -> None:
        """Write the last checkpoint."""
        self._checkpoints.finish(self._state())

    @property
    def seconds(self) -> float:
        """Time in training steps and between epochs, without evaluation, over all sessions of this run."""
        return self._seconds

    @property
    def examples_per_second(self) -> float:
        """Number of rows trained on, divided by `seconds`."""
        return self._examples / self._seconds if self._seconds else 0.0

    def _epoch(self, learner: Learner, method: Method, joint: torch.optim.Optimizer | None, streams: Streams) -> None:
        began = time.perf_counter()
        train_epoch(self.config, learner, method, streams, self.ledger, joint, self._progress)
        passes = Passes(partial(self.passes, learner.nets), self.rows, self.classes * len(learner.nets))
        total = total_epochs(self.config, learner)
        with torch.no_grad():
            self.ledger.end_epoch(passes)
            method.refit(EpochEnd(learner.nets, learner.epochs_done, total, passes, self.ledger))
        learner.epochs_done += 1
        self._seconds += time.perf_counter() - began
        self._examples += streams.rows

    def _progress(self, share: float) -> None:
        for observer in self.observers:
            observer.during_epoch(share)

    def _record(self, learner: Learner, method: Method, predictor: Predictor) -> None:
        training = self.ledger.given >= 0
        row: Row = {
            "epoch": len(self.history) + 1,
            "stage": learner.name,
            "lr": learner.optimizer.param_groups[0]["lr"],
            "train_loss": float(self.ledger.loss_last[training].mean()),
            "train_accuracy": float(self.ledger.was_right[training].float().mean()),
            "prediction_changes": float(self.ledger.moved[training].float().mean()),
        }
        for name in ("validation", "test"):
            if name in self.splits and len(self.history) >= self._evaluate_from:
                row[f"{name}_accuracy"], row[f"{name}_loss"] = self._evaluate(predictor, name)
        row["seconds"] = self._seconds
        for observer in self.observers:
            row.update(observer.after_epoch(self, method))
        if self.history.record(row):
            self.selected = {k: v.detach().cpu().clone() for k, v in predictor.nets.state_dict().items()}
        for observer in self.observers:
            observer.recorded(row)

    def _evaluate(self, predictor: Predictor, split: str) -> tuple[float, float]:
        rows = self.splits[split]
        probabilities = self.probabilities(predictor, split).clamp_min(1e-12)
        if split == "validation":
            self.ledger.record(rows.index, probabilities.log()[None], rows.given)
        right = (probabilities.argmax(dim=1) == rows.given).float().mean()
        loss = -probabilities.gather(1, rows.given[:, None]).log().mean()
        return float(right), float(loss)

    def _register(self, method: Method) -> torch.optim.Optimizer | None:
        """Check, prepare and restore a method when it is new. Returns the optimiser of its own parameters, if any."""
        for known, optimizer in self._methods:
            if known is method:
                return optimizer
        for name in method.auxiliary:
            self.split(name)
        with torch.random.fork_rng(devices=[]):
            # Seeded by the method's number, so that adding a method changes no draws of those before it.
            torch.default_generator.manual_seed(self.config.seed_of("method", len(self._methods)))
            method.prepare(replace(self.task, networks=method.networks or 1))
        method.to(self.device)
        peak = self.config.peak_lr
        groups = [{"params": own, "lr": peak if lr is None else lr} for own, lr in method.joint_groups()]
        joint = build_optimizer(replace(self.config, weight_decay=0.0), groups) if groups else None
        stored = self._checkpoints.stored.get("methods", [])
        if len(self._methods) < len(stored):  # a recipe registers its methods in the same order when called again
            found = stored[len(self._methods)]
            method.load_state_dict(found["method"])
            if joint is not None:
                joint.load_state_dict(found["joint"])
        self._methods.append((method, joint))
        return joint

    def _identity(self, method: str) -> str:
        """Digest of what a checkpoint must agree with: settings, method, model, labels and stated noise rate."""
        given = self.task.given.cpu().numpy().tobytes()
        model = self.model if isinstance(self.model, str) else type(self.model).__name__
        settings = {**self.config.plain(), "device": None}  # a run may be resumed on another device
        return digest([settings, method, model, self.task.noise_rate, digest(given.hex())])

    def _state(self) -> dict[str, Any]:
        """The content of a checkpoint."""
        return {
            "history": [copy.deepcopy(row) for row in self.history],
            "selected": self.selected,
            "ledger": self.ledger.state_dict(),
            "seconds": self._seconds,
            "examples": self._examples,
            "learners": {
                name: {
                    "nets": learner.nets.state_dict(),
                    "optimizer": learner.optimizer.state_dict(),
                    "epochs_done": learner.epochs_done,
                }
                for name, learner in self._learners.items()
            },
            "methods": [
                {"method": method.state_dict(), "joint": joint.state_dict() if joint else {}}
                for method, joint in self._methods
            ],
        }

    def _restore(self, stored: dict[str, Any]) -> None:
        """Restore what `_state` returned; learners and methods are restored when the recipe adds them."""
        if stored:
            self.history.extend(stored["history"])
            self.selected = stored["selected"]
            self.ledger.load_state_dict(stored["ledger"])
            self._seconds, self._examples = stored["seconds"], stored["examples"]
