"""Methods share their stations where that changes nothing, and act alone where anything else would change."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from noisewise.methods import METHODS
from noisewise.training import Batch, Clock, LearningTask, Method
from noisewise.training.replicas.stations import can_share, form_of_method

ROWS, CLASSES = 40, 3


def batches(count: int = 2, size: int = 8) -> list[Batch]:
    """Batches of different rows."""
    rng = torch.Generator().manual_seed(0)
    found = []
    for _ in range(count):
        index = torch.randperm(ROWS, generator=rng)[:size]
        labels = torch.randint(0, CLASSES, (size,), generator=rng)
        clock = Clock(1, 4, 2, 5, float(torch.rand((), generator=rng)))
        found.append(Batch.of(torch.randn(size, 4, generator=rng), labels, CLASSES, index, clock))
    return found


def prepared(method: Method, seed: int = 0) -> Method:
    given = torch.randint(0, CLASSES, (ROWS,), generator=torch.Generator().manual_seed(seed))
    method.prepare(LearningTask(ROWS, CLASSES, given, 4, noise_rate=0.3))
    return method


def shared(*methods: Method) -> tuple[bool, bool]:
    logits = torch.randn(len(methods), 1, 8, CLASSES, generator=torch.Generator().manual_seed(1))
    forms = {form_of_method(one) for one in methods}
    if len(forms) > 1 or None in forms:
        return False, False
    return can_share(methods, batches(len(methods)), logits)


@pytest.mark.parametrize("name", ["ce", "elr", "gce", "sce", "label-smoothing", "bootstrap-soft", "focal"])
def test_methods_that_share(name):
    ours = [prepared(METHODS[name](), seed) for seed in range(3)]
    before = [{k: v.clone() for k, v in one.state_dict().items()} for one in ours]
    assert form_of_method(ours[0]) is not None
    assert shared(*ours) == (True, name != "elr")  # the memory of ELR is written by an operation that has no such form
    for one, state in zip(ours, before, strict=True):  # the trial leaves no trace
        assert all(torch.equal(value, state[key]) for key, value in one.state_dict().items())


def test_methods_with_other_options_or_parameters_act_alone():
    assert form_of_method(METHODS["gce"](q=0.5)) != form_of_method(METHODS["gce"](q=0.7))
    for name in ("volminnet", "cdr"):  # parameters of its own; a station for gradients
        assert form_of_method(prepared(METHODS[name]())) is None


class Counting(Method):
    """Counts its steps outside of buffers."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def observe(self, batch):
        self.count += 1


class Keeping(Method):
    """Keeps an object that nobody can compare."""

    def __init__(self):
        super().__init__()
        self.kept = object()


class Exchanging(Method):
    """Its memory is another tensor after every step."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def observe(self, batch):
        self.mean = 0.5 * self.mean + batch.losses.mean()


class Asking(Method):
    """Looks at a value."""

    def weight(self, batch):
        return batch.w * 2 if batch.losses.mean() > 0 else batch.w


class ByRate(Method):
    """Its target depends on the learning rate, in which replicas differ."""

    def target(self, batch):
        return batch.y * (1 - batch.clock.lr)


class Mixing(Method):
    """Draws from the global random state."""

    def weight(self, batch):
        return batch.w * torch.rand(len(batch))


def test_what_a_method_keeps_in_an_unknown_place_is_noticed():
    assert shared(Exchanging(), Exchanging()) == (True, True)
    assert shared(Counting(), Counting()) == (True, False)
    for kind in (Keeping, Asking, ByRate, Mixing):
        assert shared(kind(), kind()) == (False, False), kind


def test_batches_of_other_shapes_or_with_company_are_not_shared():
    logits = torch.zeros(2, 1, 8, CLASSES)
    one, other = batches()
    pair = (METHODS["ce"](), METHODS["ce"]())
    assert can_share(pair, [one, other], logits) == (True, True)
    assert can_share(pair, [one, replace(other, index=None)], logits) == (False, False)
    for changed in ({"auxiliary": {"trusted": one}}, {"clock": replace(other.clock, step=3)}):
        assert can_share(pair, [one, replace(other, **changed)], logits) == (False, False)


def test_modules_inside_a_method_count():
    class Holding(Method):
        def __init__(self, share):
            super().__init__()
            self.part = nn.Dropout(share)

    assert form_of_method(Holding(0.1)) != form_of_method(Holding(0.2))
