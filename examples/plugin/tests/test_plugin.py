"""Run with `pytest -q` in the folder of the package, after `pip install -e .`."""

import numpy as np
import torch
from noisewise_example.confidence_penalty import entropy

import noisewise as nw
from noisewise.auditing.evidence import Evidence


def rows(count=300, seed=0):
    """Three clusters in a plane."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centres = np.array([[0.0, 3.0], [3.0, 0.0], [-3.0, -3.0]])
    return nw.Dataset((centres[labels] + rng.normal(size=(count, 2))).astype(np.float32), labels, ("a", "b", "c"))


def test_entropy_of_a_coin_and_of_certainty():
    logits = torch.tensor([[0.0, 0.0], [100.0, -100.0]])
    torch.testing.assert_close(entropy(logits), torch.tensor([np.log(2), 0.0], dtype=torch.float32))


def test_the_penalty_keeps_the_network_unsure():
    def confidence(spec):
        run = nw.train(rows(), method=spec, model="mlp:16", epochs=10)
        return run.predict_proba(rows(seed=1).inputs).max(axis=1).mean()

    assert confidence("confidence-penalty:beta=1") < confidence("ce") - 0.1


def test_a_block_of_rows_slips():
    clean = rows()
    noisy = nw.corrupt(clean, "slipped:0.5", seed=0)
    (changed,) = np.nonzero(noisy.given != clean.given)
    assert changed.max() - changed.min() < 150
    assert sorted(noisy.given) == sorted(clean.given)
    assert np.array_equal(noisy.truth, clean.given)
    assert (nw.corrupt(clean, "slipped:0").given == clean.given).all()


def test_the_score_by_hand():
    evidence = Evidence(np.array([0, 1]), 2, np.array([[1.0, 0.0], [0.8, 0.2]]))
    np.testing.assert_allclose(nw.DETECTORS["brier"](evidence), [0.0, 0.8**2 + 0.8**2])
