"""Evidence that is too large to hold whole: the same judgement, read in blocks from a file."""

import numpy as np
import pytest

from noisewise.auditing import evidence as evidence_module
from noisewise.auditing.detectors.detection import scores_of
from noisewise.auditing.detectors.neighbours.knn import KNN
from noisewise.auditing.detectors.predictions.self_confidence import SELF_CONFIDENCE
from noisewise.auditing.evidence import Evidence
from noisewise.auditing.judgement.judge import judge
from noisewise.errors import BadInput

K, ROWS = 6, 12_000


def made(seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(K, size=ROWS)
    scores = rng.normal(size=(ROWS, K)) + 7 * rng.random((ROWS, 1)) ** 0.3 * np.eye(K)[truth]
    clean = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    truth = (clean.cumsum(axis=1) > rng.random((ROWS, 1))).argmax(axis=1)
    wrong = rng.random(ROWS) < 0.2
    labels = np.where(wrong, (truth + rng.integers(1, K, ROWS)) % K, truth)
    return labels, (0.8 * clean + 0.2 * (1 - clean) / (K - 1)).astype(np.float32), truth


@pytest.fixture
def mapped(tmp_path):
    labels, probabilities, truth = made()
    np.save(tmp_path / "p.npy", probabilities)
    return labels, np.load(tmp_path / "p.npy", mmap_mode="r"), truth


@pytest.fixture
def small_memory(monkeypatch):
    monkeypatch.setattr(evidence_module, "WHOLE", 20_000)
    monkeypatch.setattr(evidence_module, "BLOCK", 5_000)


def test_blocks_cover_every_row_once(mapped, small_memory):
    labels, probabilities, _ = mapped
    evidence = Evidence(labels, K, probabilities=probabilities)
    assert not evidence.small
    assert evidence.probabilities is probabilities
    seen = np.zeros(ROWS, dtype=int)
    for rows, block in evidence.blocks():
        seen[rows] += 1
        assert block.probabilities.sum(axis=1) == pytest.approx(1)
        assert (block.labels == labels[rows]).all()
    assert (seen == 1).all()


def test_what_is_read_in_blocks_is_judged_alike(mapped, monkeypatch):
    labels, probabilities, _ = mapped
    evidence = Evidence(labels, K, probabilities=probabilities)
    whole, scored = judge(evidence), scores_of(evidence, None)
    assert set(scored) == {"self-confidence", "normalised-margin", "confident-learning", "incv"}
    monkeypatch.setattr(evidence_module, "WHOLE", 20_000)
    monkeypatch.setattr(evidence_module, "BLOCK", 5_000)
    evidence = Evidence(labels, K, probabilities=probabilities)
    parts, scored_in_parts = judge(evidence), scores_of(evidence, None)
    assert parts.noise_rate == pytest.approx(whole.noise_rate, abs=1e-6)
    assert parts.suspicion == pytest.approx(whole.suspicion, abs=1e-3)
    assert (parts.suggested == whole.suggested).mean() > 0.999
    assert set(scored_in_parts) == {"self-confidence", "normalised-margin"}
    assert scored_in_parts["self-confidence"] == pytest.approx(scored["self-confidence"], abs=1e-6)


def test_a_bad_row_far_down_is_named(mapped, small_memory):
    labels, probabilities, _ = mapped
    bad = np.array(probabilities)
    bad[9_000, 2] = np.nan
    with pytest.raises(BadInput, match=r"in the rows from 8\d\d\d: .*row \d+ has nan"):
        judge(Evidence(labels, K, probabilities=bad))


def test_a_shape_that_does_not_fit_is_refused_at_once(small_memory):
    labels, probabilities, _ = made()
    with pytest.raises(BadInput, match="a row per label"):
        Evidence(labels[:-1], K, probabilities=probabilities)


def test_detectors_that_need_all_rows_do_not_serve(mapped, small_memory):
    labels, probabilities, _ = mapped
    evidence = Evidence(labels, K, probabilities=probabilities, features=np.ones((ROWS, 2), dtype=np.float32))
    assert SELF_CONFIDENCE.serves(evidence)
    assert not KNN.serves(evidence, requested=True)
    with pytest.raises(BadInput, match="needs all rows at once"):
        KNN(evidence)
