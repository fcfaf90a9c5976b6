"""The estimate of the noise rate for methods."""

import pytest
import torch

from noisewise.methods.rate import estimated_noise_rate
from noisewise.training.ledger import Ledger

ROWS, CLASSES = 3000, 5


def ledger(rate, mistaken=0.0, absent=()):
    """A ledger of a network that is more confident on easier rows, and wrong on hard ones."""
    rng = torch.Generator().manual_seed(0)
    truth = torch.randint(CLASSES, (ROWS,), generator=rng)
    wrong = torch.rand(ROWS, generator=rng) < rate
    shift = torch.randint(1, CLASSES, (ROWS,), generator=rng)
    given = torch.where(wrong, (truth + shift) % CLASSES, truth)
    ease = torch.rand(ROWS, generator=rng)
    believed = torch.where(ease < mistaken, (truth + 1) % CLASSES, truth)
    visible = given.clone()
    visible[list(absent)] = -1
    found = Ledger(visible, CLASSES)
    logits = torch.nn.functional.one_hot(believed, CLASSES) * (1 + 4 * ease[:, None])
    index = torch.nonzero(visible >= 0)[:, 0]
    found.record(index, logits[index][None].float())
    return found, float(wrong.float().mean())


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("mistaken", [0.0, 0.3])
def test_noise_rate_with_errors_on_hard_rows(rate, mistaken):
    found, true = ledger(rate, mistaken)
    assert estimated_noise_rate(found) == pytest.approx(true, abs=0.04)


def test_noise_rate_of_a_perfect_network():
    found, _ = ledger(0.4)
    differs = found.probability_sum.argmax(dim=1) != found.given
    assert estimated_noise_rate(found) == pytest.approx(float(differs.float().mean()), abs=0.04)


def test_noise_rate_ignores_other_splits_and_unseen_rows():
    found, _ = ledger(0.3, absent=range(2990))
    assert 0 <= estimated_noise_rate(found) <= 0.9
    empty, _ = ledger(0.3, absent=range(ROWS))
    assert estimated_noise_rate(empty) == 0.0


def test_noise_rate_is_capped():
    found, _ = ledger(1.0)
    assert estimated_noise_rate(found) == 0.9
