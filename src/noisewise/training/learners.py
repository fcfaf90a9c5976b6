"""The learners and methods of a training. A resumed training restores each when its recipe adds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from noisewise import models
from noisewise.data.content import content
from noisewise.data.dataset import Dataset
from noisewise.data.normalise import Normalise
from noisewise.files import digest
from noisewise.training.config import Config
from noisewise.training.distributed import expect_alone
from noisewise.training.method import Method
from noisewise.training.networks import Learner, Networks
from noisewise.training.optim import build_optimizer
from noisewise.training.resume import Checkpoints
from noisewise.training.streams import Splits, normalise_of

SAMPLED, SAMPLED_NUMBERS = 2000, 6_200_000  # rows, and numbers in all, from which a first layer is computed


class Learners(Splits):
    """The networks, methods and optimisers of one run, and its checkpoints.

    Args:
        data: the split data set. Its true labels are removed here, so that no method can use them.
        model: a catalogue name, "module:function", a callable or a module (see `models.build`).
        config: the settings.
        folder: where checkpoints go; None keeps none.
        resume: continue from the checkpoint in `folder`, if there is one.
        noise_rate: the noise rate, if the user states it.
        method: the method as text; a checkpoint of another method is refused.
        normalise: how inputs are prepared; default: as the model's card says, else by the statistics of the training
            rows.

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
        noise_rate: float | None = None,
        method: str = "",
        normalise: Normalise | None = None,
    ) -> None:
        super().__init__(data, config, noise_rate, normalise or normalise_of(model, data, config.normalise))
        self.model, self.method, self.folder = model, method, folder
        self._learners: dict[str, Learner] = {}
        self._methods: list[tuple[Method, torch.optim.Optimizer | None]] = []
        self._checkpoints = Checkpoints(folder, "" if folder is None else self._identity(method), resume)

    def learner(self, name: str = "main", networks: int = 1) -> Learner:
        """The learner of a name; a new name gets new networks, initialised from the seed and the name.

        Args:
            name: by which the learner is stored.
            networks: number of networks.
        """
        if name not in self._learners:
            seeds = [self.config.seed_of(name, position, bits=31) for position in range(networks)]
            self.add_learner(name, self.networks([self.fresh(seed) for seed in seeds]))
        return self._learners[name]

    def fresh(self, seed: int) -> nn.Module:
        """A new network of this training.

        Args:
            seed: random seed of its initial weights.
        """
        return models.build(self.model, self.data.shape, self.classes, seed=seed, inputs=self._sampled)

    def _sampled(self) -> Tensor:
        """Training inputs at equal distances, prepared and not augmented."""
        count = max(1, min(len(self.rows), SAMPLED, SAMPLED_NUMBERS // max(1, math.prod(self.data.shape))))
        positions = torch.arange(count) * len(self.rows) // count
        return torch.cat([self.rows.prepare(raw, None).cpu() for _, raw in self.rows.stream(positions, count)])

    @property
    def precision(self) -> str:
        """ "fp32" or "bf16", in which networks train and predict."""
        return self.config.torch_precision(self.data.kind, self.data.shape)

    def networks(self, modules: Iterable[nn.Module], precision: str | None = None) -> Networks:
        """Networks that train and predict in the precision of this training.

        Args:
            modules: the networks; shared, not copied.
            precision: "fp32" or "bf16"; default: that of the training.
        """
        return Networks(modules, precision or self.precision)

    def add_learner(self, name: str, nets: Networks, config: Config | None = None) -> Learner:
        """Make a learner of networks that the recipe built with `networks`, and restore it if the run is resumed.

        The optimiser is that of the config, over the trainable parameters. A phase that goes on with the networks of
        another learner, from a fresh optimiser and the start of a schedule, is a learner of the same networks.

        Args:
            name: by which the learner is stored.
            nets: the networks; shared, not copied.
            config: settings of its optimiser and schedule; default: the training's.
        """
        nets.to(self.device)
        if self.data.kind == "image":
            nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.config.compile != "none":
            expect_alone(f"compile={self.config.compile!r}")
            for net in nets.nets:
                net.compile(mode=self.config.compile)
        optimizer = build_optimizer(config or self.config, nets.trainable().values())
        learner = Learner(name, nets, optimizer, config=config)
        stored = self._checkpoints.stored.get("learners", {}).get(name)
        if stored:
            nets.load_state_dict(stored["nets"])
            learner.optimizer.load_state_dict(stored["optimizer"])
            learner.epochs_done = stored["epochs_done"]
        self._learners[name] = learner
        return learner

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
        settings = replace(self.config, weight_decay=0.0, optimizer=method.joint_optimizer or self.config.optimizer)
        joint = build_optimizer(settings, groups) if groups else None
        stored = self._checkpoints.stored.get("methods", [])
        if len(self._methods) < len(stored):  # a recipe registers its methods in the same order when called again
            found = stored[len(self._methods)]
            method.load_state_dict(found["method"])
            if joint is not None:
                joint.load_state_dict(found["joint"])
        self._methods.append((method, joint))
        return joint

    def _identity(self, method: str) -> str:
        """Digest of what a checkpoint must agree with: settings, method, model, stated noise rate and all data."""
        model = self.model if isinstance(self.model, str) else type(self.model).__name__
        settings = {**self.config.plain(), "device": None}  # a run may be resumed on another device, compiled or not
        del settings["compile"]
        return digest([settings, method, model, self.task.noise_rate, content(self.data)])

    def _members(self) -> dict[str, Any]:
        """The state of all learners and methods, for a checkpoint."""
        return {
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
