"""The Trainer of Hugging Face with the loss of a method.

noise = NoisyLoss(data["label"], 10, "elr", epochs=3, batch_size=32)
trainer = NoisyTrainer(model, TrainingArguments(...), train_dataset=data, noise=noise)
trainer.train()
noise.samples()   # every row, with its suspicion
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from noisewise.errors import BadInput
from noisewise.integrations.loss import NoisyLoss

try:
    from transformers import Trainer, TrainerCallback
except (ModuleNotFoundError, ImportError) as error:
    raise BadInput("this trainer needs the extra trainers: pip install noisewise[trainers]") from error


class NoisyTrainer(Trainer):  # type: ignore[misc,unused-ignore]
    """`transformers.Trainer` whose training rows and loss are those of a `NoisyLoss`.

    It trains on one device. The model returns `logits` (B, K), or (N, B, K) for methods of N networks; `labels` of the
    batch are the given class numbers. Evaluation uses plain cross entropy.

    Args:
        model: as for `Trainer`.
        args: as for `Trainer`.
        noise: the loss, made with the labels of `train_dataset` in its order.
        **named: further arguments of `Trainer`.

    Raises:
        BadInput: another number of rows, epochs or rows per batch than `noise` was made for.
    """

    def __init__(self, model: Any = None, args: Any = None, *, noise: NoisyLoss, **named: Any) -> None:
        self.noise = noise
        super().__init__(model, args, **{**named, "compute_loss_func": self._loss})
        data: Any = self.train_dataset
        rows = 0 if data is None else len(data)
        if rows != len(noise.given):
            raise BadInput(f"noise has {len(noise.given)} labels, but train_dataset has {rows} rows")
        if self.args.world_size > 1 or self.args.n_gpu > 1:
            raise BadInput("NoisyLoss follows one process and one device: set CUDA_VISIBLE_DEVICES to one of them")
        self.add_callback(_Epochs(self))

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **named: Any) -> Any:
        """See `Trainer.train`.

        Raises:
            BadInput: a checkpoint to continue from, which does not hold the ledger.
        """
        if resume_from_checkpoint:
            raise BadInput("a checkpoint of the Trainer holds no ledger: train with a NoisyLoss from the start")
        return super().train(None, *args, **named)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self.noise.sampler

    def _loss(self, outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        logits = outputs["logits"] if isinstance(outputs, dict) else outputs.logits
        loss: Tensor = self.noise(logits, labels)
        if num_items_in_batch is None or not torch.is_grad_enabled():
            return loss
        return loss * len(labels) / num_items_in_batch  # of all batches of one step of the optimiser


class _Epochs(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Tells the loss about epochs and logs what it finds."""

    def __init__(self, trainer: NoisyTrainer) -> None:
        self.trainer = trainer

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin an epoch."""
        self.trainer.noise.begin_epoch(round(state.epoch or 0))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End an epoch, and log what was found."""
        found = self.trainer.noise.end_epoch()
        self.trainer.log({f"noisewise/{name}": value for name, value in found.items()})
