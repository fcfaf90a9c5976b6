"""The study of CDR's parts, on planted accuracies and on small matrices."""

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.figures import write_figure
from noisewise.methods import build
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.robust_early_learning.cdr_ablation import (
    REPEATS,
    RULES,
    VARIANTS,
    arm,
    rule_seconds,
    variants,
)

HELD = {
    "plain training": (0.75, 0.60),
    "plain, slower": (0.75, 0.66),
    "CDR": (0.75, 0.70),
    "without the factor": (0.75, 0.69),
    "L1 decay, 1e-4": (0.75, 0.69),
    "L1 decay, 1e-3": (0.72, 0.71),
    "|g| + |w|": (0.75, 0.68),
    "fixed random mask": (0.75, 0.65),
    "by tensor": (0.75, 0.69),
    "sampled threshold": (0.75, 0.70),
    "supplement's rule": (0.75, 0.685),
    "80 % held still": (0.74, 0.73),
    "80 %, no factor": (0.74, 0.71),
}
SPENT = {"exact": 0.02, "sampled": 0.005, "supplement": 0.004}


def planted(scale="cpu", spent=None, **change):
    study = find("cdr-ablation")
    tasks = study.tasks(scale)
    ends = {**HELD, **change}
    names = list(VARIANTS) * (study.scale(scale).seeds * len(study.scale(scale).rates))
    items = []
    for task in tasks:
        if task.name == "curve":
            name = names.pop(0)
            values = {"history": pd.DataFrame({"test_accuracy": [0.1, *ends[name]]})}
        else:
            large = {**SPENT, **(spent or {})}[task.arguments["rule"]]
            values = {"seconds": [large * task.arguments["entries"] / 1e6] * 7, "kept": 0.6}
        items.append(Result(task, values, 1.0, "here"))
    assert not names
    return study, Results(study.scale(scale), tuple(items))


def failing(spent=None, **change):
    study, results = planted(spent=spent, **change)
    return {claim.id for claim in study.judged(results) if not claim.holds}


@pytest.mark.parametrize(
    "name, ends, expected",
    [
        ("plain, slower", (0.75, 0.70), {"more-than-slower"}),
        ("plain training", (0.75, 0.69), {"mask-alone"}),
        ("without the factor", (0.75, 0.675), {"factor-small"}),
        ("80 %, no factor", (0.74, 0.73), {"factor-at-80"}),
        ("L1 decay, 1e-3", (0.72, 0.70), {"l1-later"}),
        ("L1 decay, 1e-3", (0.76, 0.71), {"l1-best"}),
        ("fixed random mask", (0.75, 0.70), {"product-over-fixed"}),
        ("|g| + |w|", (0.75, 0.70), {"product-over-sum"}),
        ("by tensor", (0.75, 0.725), {"ordering"}),
        ("sampled threshold", (0.75, 0.73), {"sampled-accuracy"}),
        ("sampled threshold", (0.72, 0.70), {"sampled-accuracy"}),
        ("supplement's rule", (0.72, 0.685), {"supplement-accuracy"}),
    ],
)
def test_each_claim_about_accuracy_can_hold_and_fail(name, ends, expected):
    assert failing() == set()
    assert failing(**{name: ends}) == {f"{claim}-{rate}" for claim in expected for rate in ("0-2", "0-4")}


@pytest.mark.parametrize("rule", ["sampled", "supplement"])
def test_each_claim_about_speed_can_fail(rule):
    assert failing(spent={rule: 0.011}) == {f"{rule}-speed"}


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_variants_are_told_apart_and_can_be_built(scale):
    study, results = planted(scale)
    rates, seeds = study.scale(scale).rates, study.scale(scale).seeds
    assert len(results.of("curve")) == seeds * len(rates) * len(VARIANTS)
    for rate in rates:
        best, last = variants(results, rate).values()
        for name in VARIANTS:
            assert best.loc[name].tolist() == pytest.approx([HELD[name][0]] * seeds)
            assert last.loc[name].tolist() == pytest.approx([HELD[name][1]] * seeds)
            build(arm(study.scale(scale), name, rate)["method"])


def test_the_slower_training_has_the_rate_of_the_factor():
    cpu, paper = (find("cdr-ablation").scale(name) for name in ("cpu", "paper"))
    assert arm(cpu, "plain, slower", 0.2)["lr"] == pytest.approx(0.8 * arm(cpu, "CDR", 0.2)["lr"])
    assert arm(cpu, "L1 decay, 1e-3", 0.4)["weight_decay"] == 0.0
    assert "slower" not in arm(paper, "plain, slower", 0.2)
    assert arm(paper, "CDR", 0.2)["schedule"] == "constant"


def test_core_runs_are_those_of_the_study_of_shares():
    shared = {task.key for task in find("cdr-denoising").tasks("cpu")}
    own = [task.key for task in find("cdr-ablation").tasks("cpu") if task.name == "curve"]
    assert len(shared & set(own)) == 18


@pytest.mark.parametrize(
    "rule, kept", [("exact", 0.6), ("sampled", 0.6), ("supplement", 0.6 * np.sqrt(10_000 / 40_000))]
)
def test_rules_keep_their_share(rule, kept):
    found = rule_seconds(40_000, rule, 2, 0)
    assert min(found["seconds"]) > 0
    assert found["kept"] == pytest.approx(kept, abs=1e-4 if rule == "exact" else 0.05)


def test_matrices_are_as_large_as_said(tmp_path):
    tasks = [task for task in find("cdr-ablation").tasks("cpu") if task.name == "rule_seconds"]
    assert len(tasks) == 3 * len(RULES)
    assert {task.arguments["repeats"] for task in tasks} == {REPEATS}
    assert all(task.arguments["entries"] % 100 == 0 for task in tasks)


def test_the_figure_is_drawn(tmp_path):
    study, results = planted()
    drawn = study.figure(results)
    assert [text.get_text() for text in drawn.axes[1].get_yticklabels()] == list(VARIANTS)
    write_figure(drawn, tmp_path)
