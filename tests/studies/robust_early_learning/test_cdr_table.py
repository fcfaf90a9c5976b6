"""The study of CDR among other methods, on planted accuracies."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from noisewise.compute import Result
from noisewise.data import load
from noisewise.figures import write_figure
from noisewise.methods import build
from noisewise.noise import corrupt
from noisewise.studies import find
from noisewise.studies.frame.results import Results
from noisewise.studies.robust_early_learning.cdr_table import ABOVE, METHODS, methods, noise, settings, table

STUDY = find("cdr-table")
CPU, PAPER = STUDY.scale("cpu"), STUDY.scale("paper")


def as_published(method, source, rate):
    """Best and last test accuracy."""
    height = 0.9 if source == "mnist" else 0.7
    if method == "cdr":
        return height, height - 0.1 * rate
    if method in ABOVE:
        return height + 0.02, height
    return height - 0.005, height - 0.3 * rate


def planted(change=None, scale="cpu"):
    items = []
    for task in STUDY.tasks(scale):
        told = task.arguments
        named = (told["method"], told["source"], told["noise_rate"])
        values = (change and change(*named, told["corrupt"])) or as_published(*named)
        items.append(Result(task, {"history": pd.DataFrame({"test_accuracy": [0.1, *values]})}, 1.0, "here"))
    return STUDY, Results(STUDY.scale(scale), tuple(items))


def failing(change=None, scale="cpu"):
    study, results = planted(change, scale)
    return {claim.id for claim in study.judged(results) if not claim.holds}


def changed(wanted, value, where=lambda source, noise: True):
    """A change of one method's best and last accuracies, where it is wanted."""

    def change(method, source, rate, noise):
        return value(source, rate) if method == wanted and where(source, noise) else None

    return change


def lead(points, of_rate=0.0):
    """CDR's accuracies when it ends so far above plain training."""
    return lambda source, rate: (
        as_published("cdr", source, rate)[0],
        as_published("ce", source, rate)[1] + points + of_rate * rate,
    )


OTHERS = {name.partition(":")[0] for name in METHODS} - {"ce", "cdr"}


def test_each_claim_about_plain_training_can_hold_and_fail():
    assert failing() == set()
    assert "above-plain-last" in failing(changed("cdr", lead(0.003, 0.01)))
    rare = ("instance", "pair:0.2")
    lost = changed("cdr", lead(-0.001), lambda source, noise: noise.startswith(rare))
    assert "above-plain-often" in failing(lost)
    assert failing(changed("cdr", lead(0.05))) == {"more-noise-more-gain"}
    higher = changed("ce", lambda source, rate: (0.88, 0.9 - 0.3 * rate), lambda source, noise: source == "mnist")
    assert failing(higher) == {"mnist-alike"}


@pytest.mark.parametrize("method", sorted(OTHERS))
def test_each_claim_about_other_methods_can_fail_and_does_not_count(method):
    named = next(name for name in methods(CPU) if name.partition(":")[0] == method)
    assert failing(changed(named, lambda source, rate: (0.95, 0.95))) == {
        f"above-{method}-last",
        f"above-{method}-best",
    }
    gated = {claim.id for claim in STUDY.judged(planted()[1]) if claim.gated}
    assert not gated & {f"above-{method}-last", f"above-{method}-best"}
    assert method in CPU.others


def test_what_is_said_to_be_above_runs_at_paper_scale():
    assert failing(scale="paper") == set()
    assert failing(changed("dividemix", lambda source, rate: (0.5, 0.5)), "paper") == {"below-dividemix"}
    assert methods(PAPER) == METHODS + ABOVE
    assert [name.partition(":")[0] for name in methods(CPU)] == list(METHODS)


def test_the_table_is_read_by_cell():
    change = changed("forward", lambda s, r: (0.33, 0.22), lambda s, noise: (s, noise) == ("mnist", "pair:0.4"))
    _, results = planted(change)
    for epoch, value in (("best", 0.33), ("last", 0.22)):
        found = table(results, epoch)
        assert found.shape == (len(METHODS), 16)
        (row,), (column,) = np.nonzero(np.isclose(found, value))
        assert METHODS[row] == found.index[row] == "forward"
        assert found.columns[column] == ("mnist", "pair", 0.4)


@pytest.mark.parametrize("method", methods(PAPER))
def test_methods_are_known(method):
    assert build(method)


def test_every_noise_can_be_made():
    digits = load("digits")
    for kind, rate in product(PAPER.kinds, PAPER.rates):
        spec = noise(kind, rate, PAPER)
        named = f"{spec},source=mnist" if spec.startswith("asymmetric") else spec
        assert 0 < corrupt(digits, named, 0).noise_rate < 1.5 * rate


def test_settings_by_source_at_paper_scale():
    assert settings(PAPER, "mnist")["model"] == "lenet"
    assert settings(PAPER, "mnist")["milestones"] == [0.1, 0.2]
    cifar, fashion = settings(PAPER, "cifar100"), settings(PAPER, "fashion-mnist")
    assert (cifar["model"], cifar["batch_size"], cifar["augment"], cifar["milestones"]) == (
        "resnet18",
        64,
        "auto",
        [0.4, 0.8],
    )
    assert (fashion["batch_size"], "augment" in fashion) == (32, False)
    assert {settings(CPU, source)["model"] for source in ("mnist", "fashion-mnist")} == {"lenet"}


@pytest.mark.parametrize("scale", ["smoke", "cpu", "paper"])
def test_the_figure_is_drawn(scale, tmp_path):
    study, results = planted(scale=scale)
    drawn = study.figure(results)
    shown = [text.get_text() for text in drawn.axes[0].texts]
    assert len(shown) == len(methods(STUDY.scale(scale))) * len(drawn.axes[0].get_xticks())
    write_figure(drawn, tmp_path)
