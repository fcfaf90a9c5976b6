"""The noise rate that methods set themselves, and when they may begin to drop rows."""

import pytest
import torch

from noisewise.methods.rate import CAP, STEPS, NoiseRate, noise_rate
from noisewise.training.ledger import Ledger
from noisewise.training.method import EpochEnd, LearningTask
from noisewise.training.networks import Networks

ROWS, CLASSES = 3000, 5


class Problem:
    """Rows that a network is more confident on the easier they are, and `mistaken` on the hardest."""

    def __init__(self, rate, absent=()):
        rng = torch.Generator().manual_seed(0)
        self.rng = rng
        self.truth = torch.randint(CLASSES, (ROWS,), generator=rng)
        wrong = torch.rand(ROWS, generator=rng) < rate
        shift = torch.randint(1, CLASSES, (ROWS,), generator=rng)
        self.given = torch.where(wrong, (self.truth + shift) % CLASSES, self.truth)
        self.ease = torch.rand(ROWS, generator=rng)
        visible = self.given.clone()
        visible[list(absent)] = -1
        self.ledger = Ledger(visible, CLASSES)
        self.rate = float(wrong.float().mean())
        self.task = LearningTask(ROWS, CLASSES, visible, epochs=10)

    def logits(self, mistaken=0.0):
        believed = torch.where(self.ease < mistaken, (self.truth + 1) % CLASSES, self.truth)
        return torch.nn.functional.one_hot(believed, CLASSES) * (1 + 4 * self.ease[:, None])

    def guessed(self):
        return torch.randn(ROWS, CLASSES, generator=self.rng)

    def epoch(self, noise, logits):
        index = torch.nonzero(self.ledger.given >= 0)[:, 0]
        self.ledger.record(index, logits[index][None].float())
        noise.update(EpochEnd(Networks([]), 0, 10, lambda mask=None: iter(()), self.ledger))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("mistaken", [0.0, 0.3])
def test_the_rate_with_errors_on_hard_rows(rate, mistaken):
    problem = Problem(rate)
    found = noise_rate(problem.logits(mistaken).softmax(dim=1).numpy(), problem.given.numpy())
    assert found == pytest.approx(problem.rate, abs=0.05)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5])
def test_an_epoch_of_guesses_leaves_no_trace(rate):
    problem = Problem(rate)
    noise = NoiseRate(problem.task, None)
    problem.epoch(noise, problem.guessed())
    assert (noise.settled, noise.value, noise.dropped) == (False, 0.0, 0.0)
    problem.epoch(noise, problem.logits())
    assert not noise.settled, "most predictions have just changed"
    problem.epoch(noise, problem.logits())
    assert noise.settled_at == 3
    assert noise.value == pytest.approx(problem.rate, abs=0.04)
    assert noise.dropped == pytest.approx(noise.value / 3)
    for _ in range(3):
        problem.epoch(noise, problem.logits())
    assert noise.dropped == noise.value


def test_a_network_that_learns_nothing_never_settles():
    problem = Problem(0.2)
    noise = NoiseRate(problem.task, None)
    for _ in range(10):
        problem.epoch(noise, problem.guessed())
    assert (noise.settled, noise.value) == (False, 0.0)


def test_memorising_after_predictions_are_stable_does_not_lower_the_estimate():
    problem = Problem(0.5)
    noise = NoiseRate(problem.task, None)
    for _ in range(3):
        problem.epoch(noise, problem.logits())
    known = noise.value
    assert known == pytest.approx(problem.rate, abs=0.04)
    for _ in range(3):
        problem.epoch(noise, 5 * torch.nn.functional.one_hot(problem.given, CLASSES))
    assert noise.value == known


def test_a_stated_rate_is_used_as_it_is_and_waits_for_learning_only_before_rows_are_dropped():
    problem = Problem(0.5)
    noise = NoiseRate(problem.task, 0.3)
    problem.epoch(noise, problem.logits())
    assert (noise.value, noise.dropped) == (0.3, 0.0)
    problem.epoch(noise, problem.logits())
    assert (noise.value, noise.dropped) == (0.3, 0.15)


@pytest.mark.parametrize("steps, settles", [(None, False), (STEPS // 3 - 10, False), (STEPS // 3 + 1, True)])
def test_on_a_hard_problem_learning_settles_after_many_steps(steps, settles):
    problem = Problem(0.2)
    noise = NoiseRate(LearningTask(ROWS, CLASSES, problem.given, steps=steps), None)
    for turn in range(3):
        problem.epoch(noise, torch.where(problem.ease[:, None] < 0.6, problem.guessed() / 5, problem.logits()))
        assert noise.settled == (settles and turn == 2)
    if settles:
        assert noise.value == pytest.approx(problem.rate, abs=0.08)


def test_not_even_then_if_the_network_hardly_beats_a_guess():
    problem = Problem(0.75)
    noise = NoiseRate(LearningTask(ROWS, CLASSES, problem.given, steps=STEPS), None)
    for _ in range(3):
        problem.epoch(noise, problem.guessed())
    assert not noise.settled


def test_other_splits_and_rows_not_seen_do_not_count():
    problem = Problem(0.3, absent=range(2990))
    noise = NoiseRate(problem.task, None)
    for _ in range(3):
        problem.epoch(noise, problem.logits())
    assert 0 <= noise.value <= 0.9
    empty = Problem(0.3, absent=range(ROWS - 1))
    noise = NoiseRate(empty.task, None)
    for _ in range(3):
        empty.epoch(noise, empty.logits())
    assert noise.estimate == 1.0


def test_the_rate_is_capped():
    problem = Problem(1.0)
    noise = NoiseRate(problem.task, None)
    for _ in range(3):
        problem.epoch(noise, problem.logits())
    assert noise.value == CAP


def test_a_checkpoint_goes_on_where_it_was():
    problem = Problem(0.4)
    noise, copy = NoiseRate(problem.task, None), NoiseRate(problem.task, None)
    for _ in range(2):
        problem.epoch(noise, problem.logits())
    copy.load_state_dict(noise.state_dict())
    assert (copy.settled, copy.value) == (noise.settled, noise.value)
    problem.epoch(noise, problem.logits(0.3))
    assert "NoiseRate(0." in repr(noise)
    assert "estimated, settled" in repr(noise)
