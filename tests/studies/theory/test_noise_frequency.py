"""The study of the frequency of noise: on planted results, and its runs in small."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.theory.noise_frequency import _rows, noisy

STUDY = find("noise-frequency")
SMALL = {"points": 60, "held": 40, "width": 32, "hidden": 2, "steps": 60, "rate": 3e-3, "every": 10}


def planted(**changes):
    """What fails where each case has errors (least, last) and steps to half of (classes, noise), from a table."""
    cases = {
        "clean": (0.1, 0.1, 1, None),
        "low": (0.6, 0.7, 3, 3),
        "middle": (0.4, 0.6, 3, 5),
        "high": (0.2, 0.5, 2, 6),
        "shuffled": (0.15, 0.5, 2, 8),
    } | changes
    scale, items = STUDY.scale("cpu"), []
    names = dict(zip((0.0, *scale.frequencies), ("clean", "low", "middle", "high"), strict=True))
    for task in STUDY.tasks("cpu"):
        shuffled = task.arguments["shuffled"]
        least, last, classes, noise = cases["shuffled" if shuffled else names[task.arguments["frequency"]]]
        times = np.arange(10)
        errors = np.full(10, last)
        errors[classes] = least
        learned = {"classes_learned": classes, "noise_learned": 99 if noise is None else noise}
        values = {"times": times, "valid": errors} | {name: (times >= at) * 1.0 for name, at in learned.items()}
        items.append(Result(task, values, 1.0, "here"))
    claims = STUDY.judged(Results(scale, tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert planted() == set()
    assert planted(high=(0.2, 0.21, 2, 6)) == {"dips"}
    assert planted(clean=(0.1, 0.2, 1, None)) == {"clean-falls"}
    assert planted(low=(0.2, 0.7, 3, 3)) == {"low-harms"}
    assert planted(high=(0.3, 0.5, 2, 6)) == {"nearly-clean"}
    assert planted(low=(0.6, 0.7, 3, 6)) == {"low-is-fitted-first"}
    assert planted(high=(0.2, 0.5, 6, 6)) == {"classes-first"}
    assert planted(shuffled=(0.15, 0.5, 2, 6)) == {"shuffled-last"}
    assert planted(shuffled=(0.2, 0.5, 2, 8)) == {"dips-later"}
    assert planted(high=(0.2, 0.5, 2, None)) == {"low-is-fitted-first", "classes-first", "shuffled-last"}


def test_two_classes_are_minus_one_and_one():
    x, y = _rows("digits", [3, 8], 100, 0)
    assert x.shape == (100, 64)
    assert sorted(set(y[:, 0])) == [-1, 1]
    with pytest.raises(BadInput, match=r"training rows of the classes \[3, 8\], but this study needs 5000"):
        _rows("digits", [3, 8], 5000, 0)


def test_a_network_learns_the_classes_and_then_the_noise():
    clean = noisy("digits", [3, 8], frequency=0.0, shuffled=False, seed=0, **SMALL)
    noise = noisy("digits", [3, 8], frequency=1.0, shuffled=True, seed=0, **SMALL)
    assert clean["times"].tolist() == list(range(0, 61, 10))
    assert [clean["train"][0], clean["valid"][0]] == pytest.approx([1, 1], abs=0.1)
    assert (clean["noise_learned"] == 0).all(), "there is none"
    assert clean["classes_learned"][-1] == pytest.approx(1, abs=0.1)
    assert clean["wrong"][-1] < 0.1
    assert noise["train"][0] > 1.3, "the noise adds its variance of one half"
    assert noise["classes_learned"][2] > noise["noise_learned"][2]
    assert noise["valid"][-1] > clean["valid"][-1]


def test_shuffled_noise_has_the_same_values(monkeypatch):
    found = []
    monkeypatch.setattr(
        "noisewise.studies.theory.noise_frequency.descend",
        lambda net, x, y, **options: (found.append(y.numpy()[:, 0]), (np.arange(2), np.zeros((2, 5))))[1],
    )
    for frequency, shuffled in ((0.0, False), (1.0, False), (1.0, True)):
        noisy("digits", [3, 8], frequency=frequency, shuffled=shuffled, seed=0, **SMALL)
    (classes, sine, mixed) = found
    assert set(classes) == {-1.0, 1.0}
    assert np.sort(sine - classes) == pytest.approx(np.sort(mixed - classes), abs=1e-6)
    assert not np.allclose(sine, mixed)
    assert np.abs(sine - classes).max() <= 1 + 1e-6
