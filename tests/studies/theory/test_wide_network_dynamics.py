"""The study of wide networks: on planted results, and its runs in small."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.errors import BadInput
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.harness.pairs import pair
from noisewise.studies.theory.wide_network_dynamics import known, trained


def planted(off=10.0, law=-1.0, small=1.0, distance=0.8, left=(1.0, 2.0, 3.0), steps=(10, 30, 90), top=0.9, **given):
    gram, long = dict(given), given.get("long", (1.0, 0.1, 0.01))
    gram.pop("long", None)
    study = find("wide-network-dynamics")
    kept = dict(zip(("true", "random", "worst"), left, strict=True))
    energies = np.array([[top] + [(1 - top) / 9] * 9, [0.1] * 10, [0.0] * 9 + [1.0]])
    items = []
    for task in study.tasks("cpu"):
        if task.name == "known":
            values = {"energies": energies, "steps": np.array(steps), "error": 0.004, "diagonal": 0.0}
            values |= {"values": np.array([1.0, 0.1])} | gram
        else:
            deviation = small if task.arguments["kappa"] != 1 else off * task.arguments["width"] ** law
            values = {"deviation": deviation, "distance": distance, "farthest": 1.0}
            values["real"] = values["predicted"] = np.array([9.0, kept[task.arguments["labels"]]])
            if task.arguments["steps"] != study.scale("cpu").steps:
                values |= {"real": np.array(long), "predicted": np.array([1.0, 0.1, 0.01])}
        items.append(Result(task, values, 1.0, "here"))
    return {claim.id: claim for claim in study.judged(Results(study.scale("cpu"), tuple(items)))}


def failed(found):
    return {name for name, claim in found.items() if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failed(planted()) == set()
    assert failed(planted(off=300.0)) == {"trajectory"}
    assert failed(planted(off=0.04, law=0.0)) == {"wider"}
    assert failed(planted(long=(1.0, 0.1, 0.1))) == {"zero", "zero-steps"}
    assert failed(planted(long=(1.0, 0.01, 0.01))) == {"zero-steps"}
    assert failed(planted(small=0.001)) == {"small-start"}
    assert failed(planted(distance=1.1)) == {"distance"}
    assert failed(planted(left=(2.0, 1.0, 3.0))) == {"order"}
    assert failed(planted(left=(1.0, 3.0, 2.0))) == {"order"}
    assert failed(planted(steps=(20, 30, 90))) == {"random-slower"}
    assert failed(planted(steps=(10, 90, 30))) == {"worst-slowest"}
    assert failed(planted(top=0.3)) == {"energy"}
    assert failed(planted(error=0.02)) == {"monte-carlo"}
    assert failed(planted(diagonal=1e-6)) == {"diagonal"}
    assert failed(planted(values=np.array([1.0, -1e-9]))) == {"positive"}


def test_what_is_known_before_training():
    found = known("digits", 120, 0)
    assert found["energies"].sum(axis=1) == pytest.approx([1, 1, 1])
    assert found["energies"][2, -1] == pytest.approx(1)
    assert found["steps"][0] < found["steps"][1] < found["steps"][2]
    assert found["complexities"][0] < found["complexities"][1] < found["complexities"][2]
    assert found["complexities"][2] == pytest.approx((2 / found["values"][-1]) ** 0.5)
    assert found["error"] < 0.01
    assert found["dropped"] == found["clipped"] == 0


def test_a_network_follows_and_one_from_small_weights_does_not():
    lazy = trained("digits", 100, "random", 4096, 1.0, 100, 0)
    small = trained("digits", 100, "random", 4096, 0.01, 100, 0)
    assert lazy["deviation"] < 0.08 < small["deviation"]
    assert lazy["distance"] == pytest.approx(lazy["predicted_distance"], rel=0.15)
    assert lazy["predicted_distance"] < lazy["farthest"]
    assert [lazy["real"][0], lazy["predicted"][0]] == pytest.approx([10, 10])


def test_a_pair_is_of_two_classes():
    found, more = pair("digits", 60, 10), pair("digits", 70)
    assert found.x.shape == (60, 64)
    assert found.shape == (8, 8, 1)
    assert set(found.y) == {-1.0, 1.0}
    assert np.linalg.norm(found.x, axis=1) == pytest.approx(1)
    assert (np.concatenate([found.x, found.held]) == more.x).all(), "what is held out are further rows"
    assert set(found.random(0)) == {-1.0, 1.0}
    assert np.abs((found.random(0) == found.y).mean() - 0.5) < 0.2


def test_duplicates_are_dropped(tmp_path):
    table = tmp_path / "table.csv"
    rows = [f"{1 + i // 2},{i % 2},{i % 2}\n" for i in range(40)]
    table.write_text("a,b,label\n" + "".join(rows) * 2)
    found = pair(str(table), 50)
    assert 0 < found.dropped == 50 - len(found.x)
    assert len(found.y) == len(found.x)


def test_bad_input():
    with pytest.raises(BadInput, match="first two classes, but this study needs 5000"):
        pair("digits", 5000)
