"""The callback for Lightning; skipped where Lightning is missing."""

import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from noisewise.errors import BadInput
from noisewise.integrations import NoisyLoss

lightning = pytest.importorskip("lightning.pytorch", reason="the extra trainers (lightning) is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore")]
EPOCHS, BATCH = 6, 20


def rows():
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(120) % 3
    x = torch.randn(120, 5, generator=rng) + 3 * nn.functional.one_hot(labels, 5)
    labels[::8] = (labels[::8] + 1) % 3
    return x, labels


class Net(lightning.LightningModule):
    """Two linear networks, or one."""

    def __init__(self, noise, count):
        super().__init__()
        self.noise = noise
        torch.manual_seed(0)
        self.nets = nn.ModuleList(nn.Linear(5, 3) for _ in range(count))

    def logits(self, x):
        return torch.stack([net(x) for net in self.nets])

    def training_step(self, batch, number):
        x, y = batch
        return self.noise(self.logits(x), y)

    def validation_step(self, batch, number):
        x, y = batch
        self.log("val_loss", self.noise(self.logits(x), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.nets.parameters(), 0.1, momentum=0.9)


def fitted(folder, method="elr", count=1, epochs=EPOCHS, checkpoint=None, workers=0, **options):
    from noisewise.integrations.lightning import NoisyLabels

    x, y = rows()
    noise = NoisyLoss(y, 3, method, epochs=EPOCHS, batch_size=BATCH, networks=count, **options)
    data = TensorDataset(x, y)
    loader = DataLoader(data, batch_size=BATCH, sampler=noise.sampler, num_workers=workers)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=[
            NoisyLabels(noise, folder / "run"),
            lightning.callbacks.ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1),
        ],
    )
    net = Net(noise, count)
    trainer.fit(net, loader, DataLoader(data, batch_size=50), ckpt_path=checkpoint)
    return net, trainer


def test_wrong_labels_are_found_and_written(tmp_path):
    _, trainer = fitted(tmp_path)
    found = pd.read_parquet(tmp_path / "run" / "samples.parquet")
    assert (found["seen"] == EPOCHS).all()
    wrong = found["index"] % 8 == 0
    assert found["suspicion"][wrong].min() > found["suspicion"][~wrong].median()
    assert 0.7 < float(trainer.callback_metrics["noisewise/agreement"]) < 1


def test_coteaching_selects(tmp_path):
    _, trainer = fitted(tmp_path, "coteaching:gradual=1", 2, noise_rate=0.125)
    assert 0.8 < float(trainer.callback_metrics["noisewise/selected"]) < 0.95


def test_it_continues_from_a_checkpoint_to_the_bit(tmp_path):
    whole, _ = fitted(tmp_path / "whole")
    fitted(tmp_path / "part", epochs=3)
    found, _ = fitted(tmp_path / "rest", checkpoint=tmp_path / "part" / "epoch=2.ckpt")
    for one, other in zip(whole.parameters(), found.parameters(), strict=True):
        assert torch.equal(one, other)
    assert whole.noise.samples().equals(found.noise.samples())


def test_another_sampler_is_refused(tmp_path):
    from noisewise.integrations.lightning import NoisyLabels

    x, y = rows()
    noise = NoisyLoss(y, 3, "ce", epochs=1, batch_size=BATCH)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
        callbacks=[NoisyLabels(noise)],
    )
    with pytest.raises(BadInput, match=r"sampler=noise\.sampler"):
        trainer.fit(Net(noise, 1), DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True))
