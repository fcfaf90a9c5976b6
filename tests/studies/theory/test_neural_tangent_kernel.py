"""The study of tangent kernels: on planted results, and its runs in small."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.theory.neural_tangent_kernel import STEPS, aligned, aligned_network, nearness, trained


def planted(power=-0.5, cross=0.0, drift=-1.0, away=5.0, held=-1.0, loss=0.1, true=0.1, centred=0.5, network=0.5):
    study = find("neural-tangent-kernel")
    items = []
    for task in study.tasks("cpu"):
        width = task.arguments.get("width", 1)
        random = {"random": np.array([0.01, 0.06]), "centred_random": np.array([0.01, 0.02])}
        values = {
            "nearness": {"errors": np.full(3, float(width) ** power)},
            "trained": {
                "deviation": away / width,
                "held_deviation": away * width**held,
                "drift": width**drift,
                "loss": loss if task.arguments.get("labels") == "true" else 0.9,
            },
            "aligned": {"true": true, "centred_true": centred, "cross": cross, **random},
            "aligned_network": {"true": 0.01, "centred_true": network, **random},
        }[task.name]
        items.append(Result(task, values, 1.0, "here"))
    return {claim.id: claim for claim in study.judged(Results(study.scale("cpu"), tuple(items)))}


def failed(found):
    return {name for name, claim in found.items() if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert failed(planted()) == set()
    assert failed(planted(power=-1.0)) == {"root-law-1", "root-law-3"}
    assert failed(planted(power=-0.2)) == {"root-law-1", "root-law-3"}
    assert failed(planted(cross=1e-6)) == {"two-layers"}
    assert failed(planted(drift=0.1)) == {"drift"}
    assert failed(planted(away=300.0)) == {"linear"}
    assert failed(planted(away=1e-4, held=0.1)) == {"linear-wider"}
    assert failed(planted(loss=0.3)) == {"learnt"}
    assert failed(planted(true=0.05)) == {"alignment"}
    assert failed(planted(centred=0.015)) == {"centred-alignment"}
    assert failed(planted(network=0.015)) == {"centred-alignment"}


def test_slope_is_that_of_the_logarithms():
    assert planted(power=-0.4)["root-law-3"].measured == pytest.approx(-0.4)


def test_a_training_beside_its_linearisation():
    narrow, wide = (trained("digits", 20, 1, width, "true", 0) for width in (32, 1024))
    assert wide["deviation"] < 0.05 < narrow["deviation"]
    assert wide["held_deviation"] < 0.1
    assert wide["drift"] < 0.05 < narrow["drift"]
    assert wide["loss"] < 0.2
    assert wide["outputs"].shape == wide["linear_outputs"].shape == (len(STEPS), 5)
    assert wide["outputs"][0] == pytest.approx(wide["linear_outputs"][0])
    assert np.abs(wide["outputs"][-1] - wide["outputs"][0]).max() > 0.2


def test_wider_is_nearer():
    assert nearness("digits", 20, 1, 2048, 3)["error"] < 0.5 * nearness("digits", 20, 1, 64, 3)["error"]


def test_alignment_of_limits_and_networks():
    limit = aligned("digits", 60, 2, 0)
    assert limit["true"] > limit["random"].max()
    assert limit["centred_true"] > 0.5 > limit["centred_random"].max()
    assert limit["cross"] < 1e-12
    for model in ("mlp:16", "lenet"):
        assert aligned_network("digits", 60, model, 0)["centred_true"] > 0.3, "one layer of channels is put first"
