"""The study of spurious optima, on planted results and on few starts."""

import numpy as np
import pytest

from noisewise.compute import Result
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.helpful_noise.descents import ARMS, EPOCHS, checked, reflected, stages, trapped, turned, walked
from noisewise.theory.nonoverlapping import threshold

LOST = {"none": 0.31, "small, kept": 0.31, "annealed, output only": 0.32}


def small_network(arm):
    found = 0.01 if arm == "large, kept" else 1 - LOST.get(arm, 0.0)
    return {"trapped": LOST.get(arm, 0.0), "found": found, "distance": 0.1}


def large_network(arm, ratio):
    below = max(0.0, 0.5 - 0.06 * ratio)
    return {"trapped": below if arm == "none" else 0.0, "found": 1.0, "distance": 0.0}


def planted(arm=None, ratio=None, **others):
    study = find("spurious-optima")
    items = []
    for task in study.tasks("cpu"):
        given = task.arguments
        if task.name == "trapped" and given["patches"] == 4:
            values = small_network(given["arm"]) | ((arm or {}).get(given["arm"], {}))
        elif task.name == "trapped":
            values = large_network(given["arm"], given["ratio"]) | (
                (ratio or {}).get((given["arm"], given["ratio"]), {})
            )
        else:
            values = {
                "checked": {"by_filter": np.array([0.002, 0.004]), "by_output": np.array([0.003, 0.001])},
                "turned": {"gradient": 1e-16, "ratio": 1.001 * threshold(given["patches"])},
                "reflected": {"shares": np.array([[0.5, 0.75], [0.5, 0.5]])},
                "walked": {},
                "batched": {"trapped": 0.1 if given.get("arm") == "none" else 0.0, "found": 1.0},
            }[task.name] | others.get(task.name, {})
        items.append(Result(task, values, 1.0, "here"))
    claims = study.judged(Results(study.scale("cpu"), tuple(items)))
    return {claim.id for claim in claims if not claim.holds}


def test_each_claim_can_hold_and_fail():
    assert planted() == set()
    assert planted(checked={"by_filter": np.array([0.011])}) == {"closed-form"}
    assert planted(checked={"by_output": np.array([0.011])}) == {"closed-form"}
    assert planted(turned={"gradient": 1e-9}) == {"critical"}
    assert planted(turned={"ratio": 2.0}) == {"stability"}
    assert planted({"none": {"trapped": 0.6}}) == {"trapped", "small-noise", "output-noise"}
    assert planted({"annealed": {"trapped": 0.04}}) == {"annealed"}
    assert planted({"annealed": {"found": 0.96}}) == {"accurate"}
    assert planted({"small, kept": {"trapped": 0.2}}) == {"small-noise"}
    assert planted({"large, kept": {"found": 0.2}}) == {"large-noise"}
    assert planted({"annealed, filter only": {"trapped": 0.2}}) == {"filter-noise"}
    assert planted({"annealed, output only": {"trapped": 0.1}}) == {"output-noise"}
    assert planted(ratio={("none", 4.0): {"trapped": 0.5}}) == {"falls"}
    assert planted(ratio={("none", 9.0): {"trapped": 0.01}}) == {"beyond"}
    assert planted(ratio={("annealed", 0.0): {"trapped": 0.2}}) == {"annealed-everywhere"}
    assert planted(reflected={"shares": np.array([[0.5, 1.0]])}) == {"worst-case"}
    assert planted(reflected={"shares": np.array([[0.5, 0.5]])}) == {"worst-case"}
    assert planted(reflected={"shares": np.array([[0.0, 0.75]])}) == {"never-all"}


def test_stages_are_those_of_the_paper():
    plan = stages(400)
    assert sum(stage.steps for stage in plan) == 8000
    assert (plan[0].rate, plan[0].filter_noise, plan[0].output_noise) == (0.1, 36.0, 1.0)
    assert plan[2].rate == pytest.approx(0.1 * 0.64)
    assert plan[2].filter_noise == pytest.approx(36 * 0.16)
    plain = stages(400, **ARMS["none"])
    assert {stage.rate for stage in plain} == {0.1}
    assert {stage.filter_noise for stage in plain} == {stage.output_noise for stage in plain} == {0.0}
    dropped = stages(400, **ARMS["large, then none"])
    assert [stage.filter_noise for stage in dropped] == [36.0] * 10 + [0.0] * (EPOCHS - 10)


def test_noise_of_the_filter_leads_past_the_spurious_point():
    lost = {arm: trapped(4, 4, 1.0, 60, 120, arm, 0) for arm in ARMS}
    assert lost["none"]["trapped"] > 0.2
    assert lost["annealed"]["trapped"] < 0.05 < 0.8 < lost["annealed"]["found"]
    assert lost["annealed, output only"]["trapped"] > 0.2
    assert lost["large, kept"]["found"] < 0.1
    assert lost["large, kept"]["distance"] > 0.3


def test_formulas_and_the_point_where_stability_turns():
    found = checked(4, 4, 1.0, 50_000, 2, 0)
    assert found["by_filter"].shape == (2,)
    assert 0 < found["by_filter"].max() < 0.05
    assert 0 < found["by_output"].max() < 0.05
    turn = turned(9, 3)
    assert turn["ratio"] == pytest.approx(threshold(9), rel=0.01)
    assert turn["gradient"] < 1e-14


def test_reflections_and_paths():
    found = reflected(4, 4, 12, 100)
    assert found["shares"].shape == (12, 12)
    assert found["shares"].max() == 0.75
    paths = walked(4, 4, 1.0, 40, 0)
    assert paths["none"].shape == paths["annealed"].shape == (3, 401, 2)
    ends = paths["none"][:, -1, 0]
    assert ends[0] > np.pi / 2 > ends[1:].max()
    assert (paths["none"][:, 0] == paths["annealed"][:, 0]).all()
