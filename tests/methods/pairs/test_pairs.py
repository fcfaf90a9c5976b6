"""Two networks that agree or disagree: by hand, and against the authors' numbers."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from noisewise.errors import BadInput
from noisewise.methods.pairs.coteaching import CoTeaching
from noisewise.methods.pairs.coteaching_plus import CoTeachingPlus
from noisewise.methods.pairs.decoupling import Decoupling, disagreement
from noisewise.methods.pairs.jocor import JoCoR, symmetric_divergence
from noisewise.training.batch import Clock
from noisewise.training.method import LearningTask, Method
from noisewise.training.step import objective_of

from ..golden import batch, stored

LATE = Clock(epoch=90, epochs=100)
RNG = torch.Generator()


def prepared(method, **fields):
    """The method, ready for 40 rows of 4 classes."""
    task = {"epochs": 100, "networks": 2, **fields}
    method.prepare(LearningTask(40, 4, torch.zeros(40, dtype=torch.int64), **task))
    return method


def evaluate(method, logits, labels, clock=LATE):
    """The evaluated batch, the objective and its gradient by the (2, B, K) logits."""
    z = logits.clone().requires_grad_()
    found, objective = objective_of(method, batch(torch.zeros(len(labels), 1), labels, z.shape[-1], clock=clock), z)
    return found, objective.detach(), torch.autograd.grad(objective, z)[0]


def pair(numbers, prefix=""):
    """The stored logits of both networks, (2, B, K)."""
    return torch.stack([numbers[f"{prefix}logits_1"], numbers[f"{prefix}logits_2"]])


# disagreement


def test_disagreement_is_about_the_predicted_class():
    logits = torch.tensor([[[2.0, 1], [0, 1], [3, 0]], [[9.0, 8], [1, 0], [0, 1]]])
    assert disagreement(logits).tolist() == [False, True, True]
    assert not disagreement(logits[:1]).any()


@pytest.mark.parametrize("prefix", ["many_", "few_", "none_"])
def test_decoupling_matches_the_authors_code(prefix):
    numbers = stored("decoupling")
    logits = pair(numbers, prefix)
    found, objective, gradient = evaluate(prepared(Decoupling()), logits, numbers[f"{prefix}labels"])
    assert torch.equal(disagreement(logits), numbers[f"{prefix}update"])
    assert torch.equal(found.w > 0, numbers[f"{prefix}update"])
    assert_close(objective, numbers[f"{prefix}loss_1"] + numbers[f"{prefix}loss_2"])
    for network in (1, 2):
        assert_close(gradient[network - 1], numbers[f"{prefix}grad_{network}"])


def test_decoupling_mean_is_over_disagreement_but_at_least_a_share():
    logits = torch.zeros(2, 10, 3)
    logits[:, :, 0] = 1.0
    logits[1, :4, 1] = 2.0
    labels = torch.zeros(10, dtype=torch.int64)
    assert_close(evaluate(Decoupling(), logits, labels)[0].w, torch.tensor([2.5] * 4 + [0.0] * 6).double())
    assert_close(evaluate(Decoupling(least=0.8), logits, labels)[0].w, torch.tensor([1.25] * 4 + [0.0] * 6).double())


@pytest.mark.parametrize("make", [Decoupling, lambda: CoTeachingPlus(0.4, gradual=1)])
def test_no_update_without_disagreement(make):
    numbers = stored("coteaching_plus")
    logits = numbers["logits_1"].expand(2, -1, -1)
    _, objective, gradient = evaluate(prepared(make()), logits, numbers["labels"])
    assert objective == 0
    assert not gradient.any()
    assert not numbers["agree_step10000_grad_1"].any()


def test_warm_up_on_all_rows_then_on_disagreement():
    numbers = stored("coteaching_plus")
    logits, labels = pair(numbers), numbers["labels"]
    for epoch, every in ((29, True), (30, False)):
        clock = Clock(epoch=epoch, epochs=100)
        assert bool((evaluate(Decoupling(warmup=0.3), logits, labels, clock)[0].w > 0).all()) == every


# co-teaching+


@pytest.mark.parametrize("forget", [0.0, 0.25, 0.5])
def test_coteaching_plus_matches_the_authors_code_without_the_second_division(forget):
    numbers, prefix = stored("coteaching_plus"), f"forget{forget}_"
    z = pair(numbers).requires_grad_()
    method = prepared(CoTeachingPlus(rate=forget, gradual=1))
    rows = batch(torch.zeros(24, 1), numbers["labels"], 4, clock=LATE)
    found, objective = objective_of(method, rows, z.softmax(dim=-1))
    (gradient,) = torch.autograd.grad(objective, z)
    kept = int(numbers[f"{prefix}remembered"])
    assert torch.equal(disagreement(z), numbers["disagree"])
    assert_close(objective.detach(), kept * (numbers[f"{prefix}loss_1"] + numbers[f"{prefix}loss_2"]))
    for network in (1, 2):
        assert_close(gradient[network - 1], kept * numbers[f"{prefix}grad_{network}"])
        assert int((found.w[network - 1] > 0).sum()) == kept


def test_coteaching_plus_starts_as_coteaching():
    numbers = stored("coteaching_plus")
    early = Clock(epoch=49, epochs=100)
    for clock, same in ((early, True), (replace(early, epoch=50), False)):
        weights = [
            evaluate(prepared(make(0.4, gradual=1)), pair(numbers), numbers["labels"], clock)[0].w
            for make in (CoTeaching, CoTeachingPlus)
        ]
        assert torch.equal(*weights) == same


# JoCoR


@pytest.mark.parametrize("lam", [0.1, 0.65, 0.9])
@pytest.mark.parametrize("forget", [0.0, 0.3, 0.5])
def test_jocor_matches_the_authors_code(lam, forget):
    numbers, prefix = stored("jocor"), f"lam{lam}_forget{forget}_"
    method = prepared(JoCoR(rate=forget, gradual=1, lam=lam))
    _, objective, gradient = evaluate(method, pair(numbers), numbers["labels"])
    assert_close(objective, numbers[f"{prefix}loss"])
    for network in (1, 2):
        assert_close(gradient[network - 1], numbers[f"{prefix}grad_{network}"])


def test_symmetric_divergence_is_the_sum_of_both_directions():
    numbers = stored("jocor")
    assert_close(symmetric_divergence(pair(numbers)), numbers["kl_12"] + numbers["kl_21"])
    assert_close(symmetric_divergence(pair(numbers).flip(0)), numbers["kl_12"] + numbers["kl_21"])


def test_jocor_networks_train_on_the_same_rows():
    numbers = stored("jocor")
    method = prepared(JoCoR(rate=0.5, gradual=1))
    found, *_ = evaluate(method, pair(numbers), numbers["labels"])
    method.observe(found)
    assert int((found.w > 0).sum()) == 12
    assert_close(method.selection()[:24], (found.w > 0).float())


# options


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Decoupling(warmup=2), "decoupling: warmup=2 must lie between 0 and 1"),
        (lambda: Decoupling(least=0), "decoupling: least=0 must lie between"),
        (lambda: CoTeachingPlus(rate=1.0), "coteaching-plus: rate=1.0 must lie between 0 and 0.99"),
        (lambda: CoTeachingPlus(warmup=-1), "coteaching-plus: warmup=-1"),
        (lambda: JoCoR(rate=2.0), "jocor: rate=2.0"),
        (lambda: JoCoR(lam=1.0), "jocor: lam=1.0"),
    ],
)
def test_options_out_of_range_are_named(make, said):
    with pytest.raises(BadInput, match=said):
        make()


def test_forget_rate_is_estimated_unless_stated_and_begins_when_learning_has_settled():
    for make in (CoTeachingPlus, JoCoR):
        for noise_rate, expected in ((None, 0.3), (0.2, 0.2)):
            method = prepared(make(), noise_rate=noise_rate)
            assert isinstance(method, Method)
            assert method.forget_rate(50) == 0.0
            method.noise.updates = method.noise.settled_at = 1
            if noise_rate is None:
                method.noise.estimate = 0.3
            assert method.forget_rate(50) == pytest.approx(expected)


def test_the_ramp_of_the_paper_begins_with_the_first_epoch_and_waits_for_nothing():
    method = prepared(CoTeaching(0.4, gradual=10))
    assert [method.forget_rate(epoch) for epoch in (0, 4, 9, 50)] == pytest.approx([0.04, 0.2, 0.4, 0.4])
