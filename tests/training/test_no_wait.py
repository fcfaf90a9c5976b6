"""Steps ask nothing of the device that the host would have to wait for."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from noisewise.data import load, subset
from noisewise.errors import Diverged
from noisewise.methods import METHODS
from noisewise.training import Config
from noisewise.training.batch import Batch, Clock
from noisewise.training.ledger import Ledger
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.optim import build_optimizer
from noisewise.training.step import LateCheck, step
from noisewise.training.trainer import Training

WAITS = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select", "unique")
FREE = ("ce", "gce", "sce", "bi-tempered", "label-smoothing", "elr", "sop")


class NoWait(TorchDispatchMode):
    """Raises where a value of a tensor decides what the host does next, as a GPU would have to be waited for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        places = args[1] if name in ("index", "index_put", "index_put_") else ()
        flags = [place for place in places if place is not None and place.dtype is torch.bool]
        if name.startswith(WAITS) or flags:
            raise AssertionError(f"aten::{name} waits for the device")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", FREE)
def test_steps_do_not_wait(name: str) -> None:
    torch.manual_seed(0)
    given = torch.randint(0, 3, (12 * 32,))  # 32 batches, as many as the ledger records together
    nets = Networks([torch.nn.Linear(4, 3)])
    method = METHODS[name]()
    method.prepare(LearningTask(len(given), 3, given, 5))
    optimizer = build_optimizer(Config(), nets.trainable().values())
    ledger, late, rng = Ledger(given, 3, 5), LateCheck(), torch.Generator().manual_seed(0)
    batches = [Batch.of(torch.randn(12, 4), given[at], 3, at, Clock(1, 5)) for at in torch.arange(len(given)).split(12)]
    with NoWait():
        for batch in batches:
            ledger.observe(step(nets, method, optimizer, batch, rng, check=late), known=True)
    late.finish()
    assert ledger.seen.eq(1).all()


def test_the_stand_in_notices_what_waits() -> None:
    with NoWait():
        for waits in (lambda x: x.sum().item(), lambda x: x[x > 0], lambda x: bool(x.any()), torch.nonzero):
            with pytest.raises(AssertionError, match="waits"):
                waits(torch.ones(3))


def test_a_late_check_names_the_first_step_that_was_not_finite() -> None:
    late = LateCheck()
    for number, value in enumerate((1.0, float("nan"), float("inf"))):
        late(torch.tensor(value), Clock(2, 5, number, 3))
    with pytest.raises(Diverged, match="nan in epoch 3, step 2"):
        late.finish()
    late.finish()


@pytest.mark.parametrize("networks", [1, 2])
def test_batches_recorded_together_are_recorded_as_one_by_one(networks: int) -> None:
    torch.manual_seed(0)
    given = torch.randint(0, 7, (331,))
    together, alone = Ledger(given, 7, 4), Ledger(given, 7, 4)
    for _ in range(3):
        for index in torch.randperm(331).split(8):
            logits = 3 * torch.randn(networks, len(index), 7)
            batch = Batch.of(torch.zeros(len(index), 1), given[index], 7, index)
            batch = replace(batch, logits=logits)
            together.observe(batch, known=together.knows(index))
            alone.observe(batch)
        for ledger in (together, alone):
            ledger.end_epoch(lambda mask: [])
        for name, buffer in alone.named_buffers():
            assert torch.equal(buffer, together.get_buffer(name)), name


def test_rows_drawn_twice_or_not_trained_on_are_not_known() -> None:
    ledger = Ledger(torch.tensor([0, 1, -1]), 2)
    assert ledger.knows(torch.tensor([1, 0]))
    assert not ledger.knows(torch.tensor([0, 0]))
    assert not ledger.knows(torch.tensor([0, 2]))


def test_an_epoch_that_diverged_mixes_with_no_later_one() -> None:
    data = replace(subset(load("digits"), 200, seed=0), test=None)
    training = Training(data, "mlp:8", Config(epochs=2, lr=1e30, validation=0.0, batch_size=20))
    method = METHODS["ce"]()
    for epoch in (1, 2):
        learner = training.learner(f"try {epoch}")
        with pytest.raises(Diverged):
            training.fit(learner, method, 1)
        training.ledger.flush()
        assert int(training.ledger.seen.sum()) % 20 == 0
        assert int(training.ledger.seen.max()) <= epoch
        assert int(training.ledger.seen.sum()) >= 20 * epoch
