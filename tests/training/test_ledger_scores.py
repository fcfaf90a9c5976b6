"""The ledger's entries for EL2N and CORES, by hand."""

import numpy as np
import pytest
import torch

from noisewise.training import Ledger


def probabilities_to_logits(*rows):
    return torch.tensor(rows).log()[None]


def test_error_and_sieve_by_hand():
    ledger = Ledger(torch.tensor([0, 1, -1]), 2, epochs=4)
    rows = torch.tensor([0, 1])
    ledger.record(rows, probabilities_to_logits([0.6, 0.4], [0.6, 0.4]))
    ledger.record(rows, probabilities_to_logits([0.8, 0.2], [0.8, 0.2]))
    ledger.record(rows, probabilities_to_logits([0.5, 0.5], [0.5, 0.5]))
    found = ledger.statistics()
    root = 2**0.5
    assert found["error_early"][:2] == pytest.approx([(0.4 + 0.2) / 2 * root, (0.6 + 0.8) / 2 * root])
    sieve = sum(np.log(p) + np.log(1 - p) for p in (0.6, 0.8, 0.5)) / 2
    expected = [sieve - np.log(0.6 * 0.8 * 0.5), sieve - np.log(0.4 * 0.2 * 0.5)]
    assert found["sieve_mean"][:2] == pytest.approx(np.array(expected) / 3, rel=1e-5)
    assert np.isnan(found["error_early"][2])
    assert np.isnan(found["sieve_mean"][2])
