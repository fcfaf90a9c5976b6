"""Training: devices, batches, epochs, evaluation, checkpoints. It knows nothing about any method.

What is longer than an epoch is a recipe: a plain function that is handed a Training and calls `fit` as often as it
needs. An interrupted recipe is simply called again: fits that were finished return at once, the one that was under way
goes on from its last epoch, and `memoize` gives back what the recipe computed in between.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noisewise import models
from noisewise.data.augment import default_augment
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import Normalise
from noisewise.data.rows import Rows
from noisewise.errors import BadInput, Diverged
from noisewise.files import digest
from noisewise.training import checkpoint
from noisewise.training.batch import Batch, Clock
from noisewise.training.config import Config, seeded, whole_number
from noisewise.training.ledger import Ledger
from noisewise.training.method import Chain, EpochEnd, Method, Task
from noisewise.training.networks import Networks, Predictor, evaluating
from noisewise.training.observer import Observer, Row
from noisewise.training.optim import build_optimizer, learning_rate
from noisewise.training.step import SupportsStep, step
from noisewise.training.stopping import RULES
from noisewise.training.streams import Passes, Streams, batches, predicted

_CHECKPOINT_SECONDS = 10.0


@dataclass(eq=False)
class Learner:
    """Networks with their optimiser, and how long they have trained."""

    name: str
    nets: Networks
    optimizer: torch.optim.Optimizer
    epochs_done: int = 0


class Training:
    """One run's machinery; what a recipe is handed.

    Args:
        data: the split data set; it is blinded here, so that nothing behind this point can see a truth.
        model: a catalogue name, "module:function", a callable or a module (see `models.build`).
        config: the settings.
        folder: where checkpoints go; None keeps none.
        resume: go on from the checkpoint in `folder`, if there is one.
        observers: follow the training from outside; they may know the truth, which the training does not.
        evaluate_from: the first epoch, counted from 0, after which held-out rows are predicted.
        normalise: how inputs are prepared; by default by the statistics of the training rows.
        noise_rate: the noise rate, where the user states it.
        method: what will train, as text: a checkpoint of another method is refused.

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
        if len(data) < 2:
            raise BadInput(f"{data.name} has {len(data)} training row(s); at least 2 are needed")
        if data.shape == (0,):
            raise BadInput(f"{data.name} has labels alone, and nothing to learn from")
        self.data = data.blind()
        self.config = config
        self.device = config.torch_device
        self.classes = len(data.classes)
        self.model = model
        self._augment = default_augment(data) if config.augment == "auto" else None
        self.rows = Rows(self.data, self.device, augment=self._augment, normalise=normalise)
        self.splits = {
            name: self._prepared(split)
            for name in ("validation", "test", "trusted")
            if (split := getattr(self.data, name)) is not None and len(split)
        }
        self.task = self._task(noise_rate)
        self.ledger = Ledger()
        self.ledger.prepare(self.task)
        self.history: list[Row] = []
        self.selected: dict[str, Tensor] = {}
        self.predictor: Predictor | None = None
        self.observers = tuple(observers)
        self._folder, self._method, self._evaluate_from = folder, method, evaluate_from
        self._learners: dict[str, Learner] = {}
        self._methods: list[tuple[Method, torch.optim.Optimizer | None]] = []
        self._remembered: dict[str, tuple[int, Any]] = {}
        self._calls = 0
        self._saved_at = time.monotonic()
        self._seconds = 0.0
        self._examples = 0
        self._state = self._read() if resume else {}
        for observer in self.observers:
            observer.before(self)

    def _task(self, noise_rate: float | None) -> Task:
        splits = [d for d in (self.data, self.data.validation, self.data.trusted) if d is not None]
        rows = max(d.capacity for d in splits)
        given = torch.full((rows,), -1, dtype=torch.int64, device=self.device)
        given[self.rows.index] = self.rows.given
        return Task(rows, self.classes, given, self.config.epochs, noise_rate, box=self._box())

    def _box(self) -> tuple[Tensor, Tensor] | None:
        if self.data.kind != "image":
            return None
        mean, std = (v.reshape(-1, 1, 1).to(self.device) for v in (self.rows.normalise.mean, self.rows.normalise.std))
        return -mean / std, (1 - mean) / std

    def learner(self, name: str = "main", networks: int = 1) -> Learner:
        """Fresh networks under a name, initialised from the seed and the name.

        A name that is known gives the same learner again.
        """
        if name not in self._learners:
            built = [
                models.build(self.model, self.data.shape, self.classes, seed=seeded(self.config.seed, name, i) % 2**31)
                for i in range(networks)
            ]
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
    ) -> Learner:
        """Train a learner for some epochs.

        Args:
            learner: from `learner`. method: a method or chain; prepared when first seen.
            epochs: how many; by default the config's.
            split: what is drawn: "trusted", or a name that `add` brought; by default the training rows. Its rows must
                be known to the training by their index, as other versions of training rows are.
            rows: (task.rows,) mask by index of the rows to draw; default all.
            auxiliary: masks by index of further rows to draw a batch of along with every batch, by name.
            predictor: what is evaluated after each epoch; by default the learner's networks with the method's
                `predict`.
            record: whether epochs are evaluated, written to the history and considered for selection.

        Raises:
            Diverged: a loss or weight that is not finite; the last good checkpoint is kept.
            BadInput: the method needs trusted rows and there are none; no rows to train on; a split that is not there,
                is held out or has rows of unknown index.
        """
        total = self.config.epochs if epochs is None else whole_number("epochs", epochs, 0)
        number = self._register(method)
        predictor = predictor or Predictor(learner.nets, method.predict)
        if record:
            self.predictor = predictor
        call, self._calls = self._calls, self._calls + 1
        if call < self._state.get("calls", 0):
            return learner
        started = self._state.get("epoch", 0) if call == self._state.get("calls") else 0
        joint = self._methods[number][1]
        streams = Streams(self, method, rows, auxiliary or {}, self._drawn(split))
        for epoch in range(started, total):
            if record and self._stopped():
                break
            self._epoch(learner, method, joint, streams)
            if record:
                self._record(learner, method, predictor)
            self._write(call, epoch + 1)
        return learner

    def split(self, name: str) -> Rows:
        """The rows of "validation", "test", "trusted", or of what `add` brought.

        Raises:
            BadInput: there are none.
        """
        if name not in self.splits:
            hint = ": ask for some (--trusted N)" if name == "trusted" else ""
            raise BadInput(f"this training needs {name} rows and the data set has none{hint}")
        return self.splits[name]

    def _drawn(self, split: str | None) -> Rows:
        if split is None:
            return self.rows
        if split in ("validation", "test"):
            raise BadInput(f"split={split!r} is held out, and nothing can be trained on it")
        rows = self.split(split)
        if bool((rows.index >= self.task.rows).any()):
            raise BadInput(
                f"split={split!r} has rows whose index is not below {self.task.rows}: they are not known here"
            )
        return rows

    def add(self, name: str, data: Dataset) -> None:
        """Further rows, under a name by which a method can ask for them in `auxiliary` and a recipe in `fit`.

        They are prepared as the others are.
        """
        self.splits[name] = self._prepared(data.blind())

    def _prepared(self, data: Dataset) -> Rows:
        return Rows(data, self.device, augment=self._augment, normalise=self.rows.normalise)

    def networks(self, modules: Iterable[nn.Module], precision: str | None = None) -> Networks:
        """Networks that train and predict in the precision of this training.

        Args:
            modules: the networks; shared, not copied.
            precision: another one, "fp32" or "bf16".
        """
        return Networks(modules, precision or self.config.torch_precision)

    def add_learner(self, name: str, nets: Networks) -> Learner:
        """A learner of networks that the recipe made with `networks`; the stored ones where a run is resumed.

        The optimiser is that of the configuration, over their trainable parameters.
        """
        nets.to(self.device)
        if self.data.kind == "image":
            nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learner = Learner(name, nets, build_optimizer(self.config, nets.trainable().values()))
        self._restore_learner(learner)
        self._learners[name] = learner
        return learner

    def record_epoch(self, learner: Learner, method: Method, *, seconds: float = 0.0) -> None:
        """Write one epoch to the history that the recipe trained by other means than `fit`.

        The ledger looks at every training row once, in evaluation mode; then all is evaluated as after an epoch.

        Args:
            learner: as it is after the epoch. method: for its way of predicting. seconds: what the epoch took.
        """
        self._register(method)
        predictor = Predictor(learner.nets, method.predict)
        self.predictor = predictor
        call, self._calls = self._calls, self._calls + 1
        if call < self._state.get("calls", 0) or (call == self._state.get("calls") and self._state.get("epoch", 0)):
            return
        for batch in self.passes(learner.nets):
            self.ledger.record(batch.rows, batch.scores)
        learner.epochs_done += 1
        self._seconds += seconds
        self._examples += len(self.rows)
        self._record(learner, method, predictor)
        self._write(call, 1)

    def memoize(self, name: str, compute: Callable[[], Any]) -> Any:
        """What `compute` gives, computed once: an interrupted recipe that comes here again gets the stored value.

        Values are tensors or plain data. Whatever a recipe derives from a learner or a method between fits goes
        through here.
        """
        at, value = self._remembered.get(name, (-1, None))
        if at < self._calls:
            value = compute()
            at = self._calls
        self._remembered[name] = (at, value)
        return value

    def finish(self) -> None:
        """Write the last checkpoint."""
        self._write(self._calls, 0, force=True)

    @property
    def seconds(self) -> float:
        """Time spent in training steps and between epochs, evaluation excluded, over all sessions of this run."""
        return self._seconds

    @property
    def examples_per_second(self) -> float:
        """Rows trained on per second of `seconds`."""
        return self._examples / self._seconds if self._seconds else 0.0

    def passes(self, nets: Networks, mask: Tensor | None = None) -> Iterator[Batch]:
        """Training rows, not augmented, as batches with logits in evaluation mode.

        `mask` (task.rows,) selects rows by index.
        """
        everything = torch.arange(len(self.rows))
        positions = everything if mask is None else everything[mask[self.rows.index].cpu()]
        with torch.no_grad(), evaluating(nets):
            for batch in batches(self.rows, positions, 4 * self.config.batch_size, self.classes):
                yield replace(batch, logits=nets(batch.x))

    def probabilities(self, predictor: Predictor, split: str) -> Tensor:
        """(rows of the split, K) predicted probabilities, in the order of the split ("train", "test", ...)."""
        rows = self.rows if split == "train" else self.splits[split]
        return predicted(predictor, rows, 4 * self.config.batch_size)

    def _epoch(self, learner: Learner, method: Method, joint: torch.optim.Optimizer | None, streams: Streams) -> None:
        began = time.perf_counter()
        seed = seeded(self.config.seed, learner.name, learner.epochs_done)
        torch.manual_seed(seed)
        order_rng, edit_rng = torch.Generator().manual_seed(seed + 1), torch.Generator().manual_seed(seed + 2)
        chain = Chain([method, self.ledger])
        optimizer: SupportsStep = _Both(learner.optimizer, joint) if joint else learner.optimizer
        learner.nets.train()
        method.train()
        epochs = max(self.config.epochs, learner.epochs_done + 1)
        for number, batch in enumerate(streams.epoch(order_rng)):
            progress = (learner.epochs_done + number / streams.steps) / epochs
            lr = learning_rate(self.config, progress, epochs)
            for group in learner.optimizer.param_groups:
                group["lr"] = lr
            clock = Clock(learner.epochs_done, epochs, number, streams.steps, lr)
            step(learner.nets, chain, optimizer, replace(batch, clock=clock), edit_rng, clip_norm=self.config.clip_norm)
            for observer in self.observers:
                observer.during_epoch((number + 1) / streams.steps)
        if not all(torch.isfinite(p).all() for p in learner.nets.parameters()):
            raise Diverged(
                f"a weight is no longer finite after epoch {learner.epochs_done + 1}: lower the learning rate"
            )
        cache = Passes(self, learner.nets)
        epoch_end = EpochEnd(learner.nets, learner.epochs_done, epochs, cache, self.ledger)
        with torch.no_grad():
            self.ledger.refit(epoch_end)
            method.refit(epoch_end)
        learner.epochs_done += 1
        self._seconds += time.perf_counter() - began
        self._examples += streams.rows

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
        row["selected"] = RULES[self.config.select]([*self.history, row]) == len(self.history)
        if row["selected"]:
            self.selected = {k: v.detach().cpu().clone() for k, v in predictor.nets.state_dict().items()}
        self.history.append(row)
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

    def _stopped(self) -> bool:
        patience = self.config.patience
        if patience is None or not self.history:
            return False
        last_rise = max(i for i, row in enumerate(self.history) if row["selected"])
        return len(self.history) - 1 - last_rise >= patience

    def _register(self, method: Method) -> int:
        """Register a method when first seen: check, prepare, restore. Returns its number."""
        for number, (known, _) in enumerate(self._methods):
            if known is method:
                return number
        for name in method.auxiliary:
            self.split(name)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seeded(self.config.seed, "method", len(self._methods)))
            method.prepare(replace(self.task, networks=method.networks or 1))
        method.to(self.device)
        peak = self.config.peak_lr
        groups = [{"params": own, "lr": peak if lr is None else lr} for own, lr in method.joint_groups()]
        joint = build_optimizer(replace(self.config, weight_decay=0.0), groups) if groups else None
        number = len(self._methods)
        stored = self._state.get("methods", [])
        if number < len(stored):
            method.load_state_dict(stored[number]["method"])
            if joint is not None:
                joint.load_state_dict(stored[number]["joint"])
        self._methods.append((method, joint))
        return number

    def _restore_learner(self, learner: Learner) -> None:
        stored = self._state.get("learners", {}).get(learner.name)
        if stored:
            learner.nets.load_state_dict(stored["nets"])
            learner.optimizer.load_state_dict(stored["optimizer"])
            learner.epochs_done = stored["epochs_done"]

    @property
    def _identity(self) -> str:
        """What a checkpoint must agree with: settings, method, model, labels and stated noise rate."""
        given = self.task.given.cpu().numpy().tobytes()
        model = self.model if isinstance(self.model, str) else type(self.model).__name__
        settings = {**self.config.plain(), "device": None}
        return digest([settings, self._method, model, self.task.noise_rate, digest(given.hex())])

    def _write(self, calls: int, epoch: int, force: bool = False) -> None:
        if self._folder is None or not (force or time.monotonic() - self._saved_at > _CHECKPOINT_SECONDS):
            return
        state = {
            "identity": self._identity,
            "calls": calls,
            "epoch": epoch,
            "history": copy.deepcopy(self.history),
            "selected": self.selected,
            "ledger": self.ledger.state_dict(),
            "remembered": dict(self._remembered),
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
        checkpoint.write(self._folder, state)
        self._saved_at = time.monotonic()

    def _read(self) -> Row:
        state = checkpoint.read(self._folder) if self._folder else None
        if state is None:
            return {}
        if state["identity"] != self._identity:
            raise BadInput(f"the checkpoint in {self._folder} is of another data set, method, model or configuration")
        self.history, self.selected = state["history"], state["selected"]
        self.ledger.load_state_dict(state["ledger"])
        self._seconds, self._examples = state["seconds"], state["examples"]
        self._remembered = {name: (at, value) for name, (at, value) in state["remembered"].items()}
        return state


class _Both:
    """The networks' optimiser and that of a method's own parameters, moved together."""

    def __init__(self, *optimizers: torch.optim.Optimizer) -> None:
        self.optimizers = optimizers

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()
