"""The callback for Lightning.

noise = NoisyLoss(labels, 10, "elr", epochs=20, batch_size=128)
loader = DataLoader(data, batch_size=128, sampler=noise.sampler)

class Net(lightning.LightningModule):
    def training_step(self, batch, number):
        x, y = batch
        return noise(self.net(x), y)

lightning.Trainer(max_epochs=20, callbacks=[NoisyLabels(noise, "run")]).fit(Net(), loader)
noise.samples()   # every row, with its suspicion
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from noisewise.errors import BadInput
from noisewise.files import whole_folder
from noisewise.integrations.loss import NoisyLoss

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError:
    try:
        from pytorch_lightning import Callback
    except ModuleNotFoundError as error:
        raise BadInput("this callback needs the extra trainers: pip install noisewise[trainers]") from error


class NoisyLabels(Callback):  # type: ignore[misc,unused-ignore]
    """Tells a `NoisyLoss` about epochs, logs what it finds, keeps it in checkpoints, and writes the rows at the end.

    It logs `noisewise/agreement`, `noisewise/loss` and, for methods that select, `noisewise/selected` per epoch.
    Training continues to the bit from checkpoints at the end of an epoch.

    Args:
        noise: the loss that the module's `training_step` calls.
        out: a folder for `samples.parquet`, one row per training row; None writes nothing.
    """

    def __init__(self, noise: NoisyLoss, out: str | Path | None = None) -> None:
        self.noise = noise
        self.out = None if out is None else Path(out)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Refuse what the loss cannot follow.

        Raises:
            BadInput: several processes, or a loader that draws its rows in another way.
        """
        if trainer.world_size > 1:
            raise BadInput(f"NoisyLoss follows one process, not {trainer.world_size}: train on one device")
        if getattr(trainer.train_dataloader, "sampler", None) is not self.noise.sampler:
            raise BadInput("the training loader must draw its rows by the loss: DataLoader(..., sampler=noise.sampler)")

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin an epoch."""
        self.noise.begin_epoch(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """End an epoch, and log what was found."""
        pl_module.log_dict({f"noisewise/{name}": value for name, value in self.noise.end_epoch().items()})

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the rows."""
        if self.out is not None:
            with whole_folder(self.out) as writing:
                self.noise.samples().to_parquet(writing / "samples.parquet", index=False)

    def state_dict(self) -> dict[str, Any]:
        """Ledger and memory, for a checkpoint."""
        return dict(self.noise.state_dict())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.noise.load_state_dict(state_dict)
