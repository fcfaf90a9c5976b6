"""Methods by name and in combination: every name can be imported, stations combine, and the rest is refused."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import noisewise as nw
from noisewise import methods
from noisewise.errors import BadInput
from noisewise.methods import METHODS, build

SETTINGS = {"model": "mlp:widths=128", "epochs": 20, "seed": 1, "lr": 0.1, "corrupt": "symmetric:0.4", "trusted": 100}


@pytest.mark.parametrize(
    "spec", ["cdr:tau=0.4+gce", "sam+bootstrap-soft:beta=0.8", "coteaching+gce", "elr+cdr+sam", "meta-weight-net+gce"]
)
def test_a_chain_trains(spec):
    run = nw.train("digits", method=spec, **SETTINGS)
    assert run.metrics["test_accuracy_last"] > 0.65


def test_each_part_of_a_chain_has_its_effect():
    runs = {
        spec: nw.train("digits", method=spec, **{**SETTINGS, "epochs": 3}).history["train_loss"].tolist()
        for spec in ("gce", "cdr:tau=0.4", "cdr:tau=0.4+gce", "gce+cdr:tau=0.4")
    }
    assert runs["cdr:tau=0.4+gce"] != runs["gce"]
    assert runs["cdr:tau=0.4+gce"] != runs["cdr:tau=0.4"]
    assert runs["cdr:tau=0.4+gce"] == runs["gce+cdr:tau=0.4"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mixup+elr", "mixtures would spoil"),
        ("elr+mixup", "mixtures would spoil"),
        ("gce+gce:q=0.5", "each define a loss"),
        ("glc+gce", "is a recipe"),
        ("l2rw+meta-weight-net", "choose one"),
        ("gce+", "missing"),
    ],
)
def test_what_cannot_compose_is_refused(spec, words):
    with pytest.raises(BadInput, match=words) as caught:
        build(spec)
    assert "\n" not in str(caught.value)


def names_for_type_checkers():
    """Names and modules of the imports that only a type checker sees."""
    tree = ast.parse(Path(methods.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    return {f"{node.module}:{alias.name}" for node in block.body for alias in node.names}


def test_all_classes_and_recipes_can_be_imported_from_methods():
    places = METHODS.own
    assert names_for_type_checkers() == set(places.values())
    assert sorted(methods.__all__) == sorted(
        [place.partition(":")[2] for place in places.values()] + ["METHODS", "build", "card", "compose"]
    )
    for name, place in places.items():
        assert getattr(methods, place.partition(":")[2]) is METHODS[name]
    with pytest.raises(ImportError, match="NoSuchMethod"):
        from noisewise.methods import NoSuchMethod  # noqa: F401


def test_a_method_is_loaded_when_it_is_first_used():
    code = """
import sys, noisewise.methods
assert "noisewise.methods.targets.elr" not in sys.modules
from noisewise.methods import ELR
assert "noisewise.methods.targets.elr" in sys.modules and "noisewise.methods.targets.sop" not in sys.modules
print(ELR(lam=7))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout == "ELR(beta=None, lam=7)\n"
