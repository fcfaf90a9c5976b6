"""Probes as an observer of a training: they measure its network after epochs and leave no trace."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import torch
from torch import nn

from noisewise import models
from noisewise.data import Dataset
from noisewise.errors import BadInput
from noisewise.probes.build import check_truth, make_subject
from noisewise.probes.probe import Measured, Probe
from noisewise.training.method import Method
from noisewise.training.networks import evaluating
from noisewise.training.observer import Observer, Row
from noisewise.training.trainer import Training

SECONDS = "probe_seconds"


class ProbeObserver(Observer):
    """Probes that measure the first network that predicts, after epochs.

    Args:
        probes: what measures.
        data: the split data set that is trained on, with the truth where it is known.

    Raises:
        BadInput: a probe needs the truth and there is none.
    """

    def __init__(self, probes: Sequence[Probe], data: Dataset) -> None:
        check_truth(probes, data)
        self.probes, self.data = list(probes), data

    def before(self, training: Training) -> None:
        """Measure a fresh network once, so that what cannot be measured is refused before the training.

        Raises:
            BadInput: a probe cannot measure networks of this kind.
        """
        if not self.probes:
            return
        network = models.build(training.model, training.data.shape, training.classes, seed=0).to(training.device)
        for probe in self.probes:
            self._measured(probe, training, network)

    def after_epoch(self, training: Training, method: Method) -> Row:
        """The probes' columns, and per probe `probe_seconds/NAME`, the seconds that it took.

        A network that cannot be measured, such as one that a recipe made itself, has NaN in the columns.
        """
        assert training.predictor is not None
        epoch = len(training.history)
        last = epoch + 1 == training.config.epochs
        row: Row = {}
        for probe in self.probes:
            if last or epoch % probe.every == 0:
                began = time.perf_counter()
                try:
                    row.update(self._measured(probe, training, training.predictor.nets[0]))
                except BadInput:
                    row.update(dict.fromkeys(probe.card.columns, math.nan))
                row[f"{SECONDS}/{probe.card.name}"] = time.perf_counter() - began
        return row

    def _measured(self, probe: Probe, training: Training, network: nn.Module) -> Measured:
        subject = make_subject(training.rows, self.data, probe, training.config.seed, network)
        try:
            with torch.random.fork_rng(devices=_cuda(training.device)), evaluating(network):
                return probe.measure(subject)
        except BadInput:
            raise
        except (RuntimeError, ValueError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise BadInput(f"probe {probe.card.name!r} cannot measure this network: {said}") from error


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
