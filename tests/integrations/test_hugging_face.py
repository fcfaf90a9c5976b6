"""The Trainer of Hugging Face; skipped where it cannot be used."""

import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.integrations import NoisyLoss

transformers = pytest.importorskip("transformers", reason="the extra trainers (transformers) is not installed")
pytest.importorskip("accelerate", reason="the extra trainers (accelerate) is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore")]
EPOCHS, BATCH = 6, 20


class Rows(torch.utils.data.Dataset):
    """Three clusters, with an eighth of the labels wrong."""

    def __init__(self):
        rng = torch.Generator().manual_seed(0)
        self.y = torch.arange(120) % 3
        self.x = torch.randn(120, 5, generator=rng) + 3 * nn.functional.one_hot(self.y, 5)
        self.y[::8] = (self.y[::8] + 1) % 3

    def __len__(self):
        return len(self.y)

    def __getitem__(self, row):
        return {"x": self.x[row], "labels": self.y[row]}


class Net(nn.Module):
    """One or two linear networks."""

    def __init__(self, count):
        super().__init__()
        torch.manual_seed(0)
        self.nets = nn.ModuleList(nn.Linear(5, 3) for _ in range(count))

    def forward(self, x, labels=None):
        logits = torch.stack([net(x) for net in self.nets])
        return {"logits": logits[0] if len(logits) == 1 else logits}


def fitted(folder, method="elr", count=1, accumulation=1, batch=BATCH, **options):
    from noisewise.integrations.hugging_face import NoisyTrainer

    data = Rows()
    noise = NoisyLoss(data.y, 3, method, epochs=EPOCHS, batch_size=batch, networks=count, **options)
    settings = transformers.TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation,
        learning_rate=0.1,
        optim="sgd",
        lr_scheduler_type="constant",
        max_grad_norm=0,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = NoisyTrainer(Net(count), settings, train_dataset=data, eval_dataset=data, noise=noise)
    trainer.train()
    return trainer


def test_wrong_labels_are_found(tmp_path):
    trainer = fitted(tmp_path)
    found = trainer.noise.samples()
    assert (found["seen"] == EPOCHS).all()
    wrong = found["index"] % 8 == 0
    assert found["suspicion"][wrong].min() > found["suspicion"][~wrong].median()
    logged = [row["noisewise/agreement"] for row in trainer.state.log_history if "noisewise/agreement" in row]
    assert len(logged) == EPOCHS
    assert trainer.evaluate()["eval_loss"] > 0
    assert int(trainer.noise.ledger.seen.max()) == EPOCHS


def test_coteaching_selects(tmp_path):
    found = fitted(tmp_path, "coteaching:gradual=1", 2, noise_rate=0.125).state.log_history
    assert 0.8 < [row for row in found if "noisewise/selected" in row][-1]["noisewise/selected"] < 0.95


def test_accumulated_batches_are_one_large_batch(tmp_path):
    whole = fitted(tmp_path / "a", "gce", batch=20)
    parts = fitted(tmp_path / "b", "gce", batch=10, accumulation=2)
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_what_cannot_be_followed_is_refused(tmp_path):
    from noisewise.integrations.hugging_face import NoisyTrainer

    trainer = fitted(tmp_path)
    with pytest.raises(BadInput, match="holds no ledger"):
        trainer.train(resume_from_checkpoint=True)
    noise = NoisyLoss([0, 1, 2], 3, "ce", epochs=1, batch_size=2)
    with pytest.raises(BadInput, match="noise has 3 labels, but train_dataset has 120 rows"):
        NoisyTrainer(
            Net(1),
            transformers.TrainingArguments(str(tmp_path), use_cpu=True, report_to=[]),
            train_dataset=Rows(),
            noise=noise,
        )
